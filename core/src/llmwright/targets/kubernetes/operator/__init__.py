"""The operator: the one lifecycle, carried out for every Workspace of a cluster.

A pass is told a name. It reads caches that watches feed (``caches``), puts what it finds into the lifecycle's words
(``workloads``, ``judging``, ``causes``, ``provisioning``), lets ``lifecycle.decide`` decide, and carries out what was
decided (``wanting``, ``additions``, ``children``, ``recording``). It never sleeps and never reads the network; what
needs that (a ConfigMap, a model of the hub, a cloud) is done in a pool and calls for another pass. No decisions and no
rendering belong here.
"""

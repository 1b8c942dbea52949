"""The operator: carries out the one lifecycle for every Workspace of a cluster.

A worker makes a *pass* over one Workspace, given only its name: ``reconciler`` calls one collaborator for each step.

    process/    what runs: informers, workers and pools, metrics, log, HTTP, the sweep for orphans
    reconciler  the steps of a pass
    plans/      the Plan, and what each namespace may spend
    observe/    the Workspace's world in the lifecycle's words
    provision/  what a provisioner would do, and having it done
    apply/      the objects: which are desired, what blocks them, drift, writing them
    report/     the status and Events
    cache/      what watches keep of the cluster
    memory      what is remembered of each Workspace between two passes: all of it hints
    contest     how long to rest where somebody else keeps changing what was written

A pass never sleeps, and reads only caches. What needs a network (a ConfigMap, a model hub, a cloud) is done in a pool
(``tasks``), which calls for another pass. No decisions and no rendering belong here.
"""

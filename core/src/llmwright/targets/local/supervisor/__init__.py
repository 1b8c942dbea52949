"""The supervisor: one process per Workspace that runs the lifecycle's loop, and how commands start and repair it.

* ``loop``: observe, decide, act, wait, until nothing is left to do.
* ``roles``: the runners of preflight, tuning and serving, and their record.
* ``observe``, ``tuning_progress``, ``provisioner_step``: what a decision gets to see.
* ``status_writer``: writes the status and notifies the plugins' observers.
* ``event_wait``: what wakes the loop.
* ``start``, ``repair``: the commands' side.

A supervisor that is lost takes its processes with it: on Linux at once, anywhere by the repair of the next command.
That command starts another supervisor, which goes on from the files of ``store``.
"""

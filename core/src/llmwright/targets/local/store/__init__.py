"""The state directory: one folder per Workspace, its files, and the locks that order their writers.

::

    workspaces/NAMESPACE/NAME/
      workspace.json   what the user applied        written by commands, under the apply lock
      plan.json        the recorded Plan            written by commands, under the apply lock
      status.json      the status                   written by the supervisor
      runs.json        the supervisor's record      written by the supervisor
      lock, wake       the supervisor's lock, and the pipe that wakes it
      answering        locked by the supervisor while the server answers
      deleting         the wish to delete, where a full disk took no other record of it
      logs/            one file per role and process
      volumes/         the scratch volumes, the adapter among them
    locks/NAMESPACE/NAME   the apply lock; it outlives the Workspace, so that its name is never locked twice
    removed/               folders of deleted Workspaces, until their files are gone

Reading and writing only: this room starts and ends no process.
"""

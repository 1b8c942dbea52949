"""From a Workspace to a Plan: which drivers, which machines, how it sits on them, and the Launches to run.

Pure: drivers and inputs are handed in, nothing is looked up, read or created. Admission rules belong to ``check``,
carrying a Plan out to ``lifecycle`` and the targets.
"""

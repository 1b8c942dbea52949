"""One pure function for every target: (workspace, plan, observed, now) -> actions and status.

The targets observe and act. ``decide`` reads everything that was observed, and returns the actions that are due now
and the new status. Each phase is a file named after its condition: preflight, resource, tuning, after_tuning, serving,
deleting. ``decide.py`` calls them in that order. This room has no clock, no I/O, nothing that only one target knows,
and no admission rules: those are ``check``'s.
"""

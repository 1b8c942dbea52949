"""One pure function for every target: (workspace, plan, observed, now) -> actions and status.

``decide`` looks at everything that was observed and says what to do now and what the status is; the targets observe
and carry out. Each phase is a file named by its condition's word: preflight, resource, tuning, after_tuning, serving,
deleting. No clock, no I/O, nothing that only one target knows, and no admission rules: those are ``check``'s.
"""

"""The Plan of each Workspace, and what each namespace spends."""

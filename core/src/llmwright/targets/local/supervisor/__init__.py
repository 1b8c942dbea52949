"""The process that carries one Workspace out: its loop, and how commands start and repair it."""

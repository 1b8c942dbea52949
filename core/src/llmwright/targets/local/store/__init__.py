"""The state directory: what is kept of each Workspace, and its locks."""

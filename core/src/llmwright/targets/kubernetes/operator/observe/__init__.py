"""The world of one Workspace in the lifecycle's words, from caches alone."""

"""The cluster as watches see it: informers, the projection of each object, and the Workspace that owns it."""

"""What watches keep of the cluster: informers, the projection of each object, and the Workspace that owns it."""

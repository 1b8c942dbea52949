"""The objects of a Workspace: which are desired, what keeps them from being applied, drift, and writing them."""

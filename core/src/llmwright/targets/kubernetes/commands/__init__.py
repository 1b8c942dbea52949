"""Commands on a cluster, with the rights of the person who runs them: read, wait, change, explain."""

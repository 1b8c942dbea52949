"""Access to an API server: requests, caches fed by watches, the queue of names, the Lease of the leader.

It uses the configuration and the connections of the official Kubernetes client. Objects are plain JSON values: the
client's typed models cost more time and memory than reading the objects does. Nothing here knows the lifecycle of a
Workspace; that belongs to ``operator``.
"""

"""Talking to an API server: requests, caches fed by watches, the queue of names, the Lease of the leader.

Built on the official client's configuration and connections; objects are plain JSON values, for its typed models cost
more time and memory than reading does. Nothing here knows a Workspace's lifecycle: that is ``operator``'s.
"""

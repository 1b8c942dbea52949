"""The Kubernetes target: Workspaces as objects of a cluster.

What is decided lies elsewhere (``plan``, ``lifecycle``); here it is rendered, observed and carried out.
"""

"""Nodes as agent pools of the user's own AKS cluster, straight from Azure's API: one pool for each Workspace.

The control half is this folder: it decides, is pure, and imports no azure. Only ``cloud`` talks to Azure, and is
imported with the first call. Pods, and when they start, do not belong here; nor does the
choice of another instance type.
"""

"""The half that talks to Azure: credentials, the cluster's agent pools, and Compute's sizes and quotas.

Only here azure is imported, and this package only with the first call. It decides nothing about a Workspace.
"""

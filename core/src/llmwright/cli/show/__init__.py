"""The output of the verbs: tables, a plan, progress. Nothing here reads a cluster, a file or this machine."""

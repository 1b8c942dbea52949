"""What the verbs print: tables, a plan, progress. Nothing here reads a cluster, a file or the state of this machine."""

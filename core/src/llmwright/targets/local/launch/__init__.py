"""A Launch carried out on this machine: its volumes, its environment, and one role's processes from start to end."""

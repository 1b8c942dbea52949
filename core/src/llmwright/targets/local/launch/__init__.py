"""Launches on this machine: volumes, environment, and one role's processes from start to end."""

"""Frozen values that rooms and plugins exchange.

Only dataclasses with no behaviour beyond reading themselves. No YAML, no Kubernetes objects, no I/O, no decisions:
those belong to ``api``, ``targets`` and the pure rooms.
"""

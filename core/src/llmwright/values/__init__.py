"""Frozen values that rooms and plugins exchange.

Dataclasses, with no behaviour but simple reading of their own fields. YAML, Kubernetes objects, I/O and decisions do
not belong here, but to ``api``, ``targets`` and the pure rooms.
"""

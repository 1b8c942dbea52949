"""A cluster in memory and simulated time: the real operator and supervisor run on them, for hours in milliseconds.

Needs ``greenlet``. Nothing here imports a client of Kubernetes.
"""

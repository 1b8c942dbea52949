"""The composition root: settings, plugins, catalogue and targets put together.

The command line, the operator, the admission webhook and notebooks stand on this room. It decides nothing itself, and
it prints nothing: what a person sees belongs to ``cli``.
"""

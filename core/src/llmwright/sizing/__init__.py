"""Sizing: the memory that a model needs, and the memory of a machine. Arithmetic only, on values.

Memory terms with their formulas, upstream's node count, parallelism, and the Fit of serving and tuning. Choosing
between machines or drivers belongs to ``plan``; facts belong to ``catalogue``.
"""

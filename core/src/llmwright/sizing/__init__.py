"""What a model needs and what a machine has: arithmetic only, on values.

Memory terms with their formulas, upstream's node count, parallelism, and the Fit of serving and tuning. Choosing
between machines or drivers belongs to ``plan``; facts belong to ``catalogue``.
"""

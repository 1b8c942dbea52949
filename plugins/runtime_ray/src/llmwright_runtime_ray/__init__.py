"""The ``ray`` runtime: a light control half, and a workload half on Ray Serve, ``serve``, which never meet."""

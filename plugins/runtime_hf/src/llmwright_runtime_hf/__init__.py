"""The ``hf`` runtime: a light control half and a workload half on transformers, ``serve``, which never meet."""

"""LoRA and QLoRA tuning: a light control half (``driver``, ``config``) and the workload (``train``).

The control half plans and renders; it imports no torch. What reads rows, trains and writes adapters lives in
``train`` and runs in a process of its own: ``python -m llmwright_tuning_qlora.train``. Serving the result does not
belong here.
"""

"""The workload: reads rows, tunes a LoRA or QLoRA adapter, writes it.

Run as ``python -m llmwright_tuning_qlora.train``.

Data flows through the files in this order: ``options`` → ``source`` → ``records`` → ``shape`` → ``tokens`` → ``rows``
(all without torch) → ``model`` → ``trainer`` (with ``order``, ``batches``, ``checkpoints``) → ``results``.
Fetching data and delivering adapters are the core's; no network is used here beyond loading a model named by hub id.
"""

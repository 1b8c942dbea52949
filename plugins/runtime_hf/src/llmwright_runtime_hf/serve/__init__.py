"""The workload half of the ``hf`` runtime: an HTTP server over FastAPI and uvicorn on transformers.

Started as ``python -m llmwright_runtime_hf.serve --model PATH_OR_HF_ID``. One process holds one base model and any
number of LoRA adapters; one thread of it generates, the event loop answers HTTP.

What does not belong here: anything that the control half needs (deciding a Launch, memory, probes): that half must stay
importable without torch. Nothing is imported by this package itself, so that ``--help`` is quick.
"""

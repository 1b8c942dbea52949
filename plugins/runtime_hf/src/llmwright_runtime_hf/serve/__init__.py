"""The workload half of the ``hf`` runtime: an HTTP server over FastAPI and uvicorn on transformers.

Start it as ``python -m llmwright_runtime_hf.serve --model PATH_OR_HF_ID``. One process holds one base model and any
number of LoRA adapters. One thread generates; the event loop answers HTTP.

``http/`` holds all that knows of HTTP, ``engine/`` all that knows of the model; they meet in ``engine/interface.py``.
A request goes through ``http``: middleware, routes, request_body, generation_handler, request_to_job; then ``engine``:
model_thread, generation, decode_loop; and back as events through ``http``: event_channel, responses.

What does not belong here: anything that the control half needs (a Launch, memory, probes). That half must stay
importable without torch. This package itself imports nothing, so that ``--help`` is quick.
"""

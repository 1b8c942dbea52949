"""The workload half of the ``ray`` runtime: replicas of the engine ``hf`` as a deployment of Ray Serve.

Start it as ``python -m llmwright_runtime_ray.serve --model PATH_OR_HF_ID`` on one machine: it starts a Ray cluster of
its own, and ends it. On a Ray cluster that is there, Ray Serve builds ``llmwright_runtime_ray.serve.app:build``.

A request goes through Ray Serve's proxy, in which ``ingress`` stands first, to a replica, which is the ``hf`` server's
own application and engine. What does not belong here: anything about generating, and anything that the control half
needs. This package itself imports nothing, so that ``--help`` is quick.
"""

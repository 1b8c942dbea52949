"""Serving with vLLM: the light control half, which makes the Launch.

It imports no torch and no vllm. Sizing and the choice of machines belong to the core.
"""

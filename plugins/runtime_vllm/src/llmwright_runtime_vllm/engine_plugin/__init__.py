"""Routes that vLLM's own server lacks, as a plugin of the engine: ``POST /chat``, and the key where it asks none.

The engine imports this package out of a volume, so it stands alone: the standard library, starlette, which the engine
brings, and the modules of the core that ``plugin_files.CARRIED`` lays beside it. Requests for ``/v1`` reach the
engine's routes as without it, but for adapters that are loaded.
"""

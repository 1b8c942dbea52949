"""The model side: loading, adapters, decoding. It knows nothing of HTTP."""

"""The HTTP side: routes, middleware, and the JSON of requests, responses and errors.

It reaches the model through ``engine.interface``.
"""

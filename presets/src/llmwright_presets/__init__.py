"""Model presets and instance types as data: YAML and weights that the core's catalogue loads.

Only data belongs here, and what hands it over; no code that loads, sizes or runs a model.
"""

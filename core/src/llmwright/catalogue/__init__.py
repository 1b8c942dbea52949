"""Presets and instance types: read from YAML packs, found by name, or described for a model that no pack has.

The facts are data in packs; this room reads them. Conclusions from the facts (does a model fit, which machine to take)
belong to ``sizing`` and ``plan``.
"""

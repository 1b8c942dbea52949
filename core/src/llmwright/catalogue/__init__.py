"""Presets and instance types: reading them from YAML packs, looking them up, describing what no pack names.

What is known about models and machines belongs here. What follows from it (whether a model fits, which machine to
take) belongs to ``sizing`` and ``plan``; the facts themselves lie in packs, as data.
"""

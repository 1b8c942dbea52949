"""Provisioners of the core, registered by entry point like anybody's.

What asks a cloud for machines lives in plugins.
"""

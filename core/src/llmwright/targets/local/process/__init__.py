"""Processes of this machine: start, probe, log and end them, and find leftovers.

What follows when a process ends is decided in ``launch``.
"""

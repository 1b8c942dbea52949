"""Processes of this machine: start one, probe it, read its log, judge its end, and find those that were left over.

What follows when a process ends is decided in ``launch``.
"""

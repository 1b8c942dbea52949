"""Answers to a file of requests: lines in, lines out, and on from where a run was ended.

Printing, and the start of a model for one run, do not belong here.
"""

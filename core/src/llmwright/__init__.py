"""LLMwright: one Workspace YAML in, a tuned or served language model answering.

This package holds the interfaces, the pure decisions and the two targets. What drives a cloud, an engine or a tuning
method lives in plugins, found through entry points.
"""

__version__ = "0.1.0"

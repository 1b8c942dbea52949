"""Presets and machines for LLMwright, as YAML."""

"""Rules for LLMwright; ``rules`` has the hooks."""

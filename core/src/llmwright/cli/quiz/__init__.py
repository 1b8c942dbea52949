"""Questions put to a model before and after tuning, by ``llmwright run``."""

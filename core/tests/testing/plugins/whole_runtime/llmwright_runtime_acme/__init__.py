"""A runtime for LLMwright: ``driver`` is the light half, ``serve`` runs where the model is."""

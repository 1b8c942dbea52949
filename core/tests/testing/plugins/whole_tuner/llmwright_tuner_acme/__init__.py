"""A tuner for LLMwright: ``driver`` is the light half, ``train`` runs where the model is."""

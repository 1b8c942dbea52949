"""LoRA on the last layers: ``driver`` is the light half, ``train`` runs where the model is."""

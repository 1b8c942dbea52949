"""A runtime of one model and one thread: ``driver`` is the light half, ``serve`` runs where the model is."""

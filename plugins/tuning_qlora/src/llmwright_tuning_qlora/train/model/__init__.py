"""The base model: its metadata without weights, then device, weights, quantisation and the LoRA adapter on them."""

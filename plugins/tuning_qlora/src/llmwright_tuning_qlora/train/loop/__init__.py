"""The training loop: order of rows, batches, loss, checkpoints, and transformers' Trainer around them."""

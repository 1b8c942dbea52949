"""What a pass tells: the status, and Events."""

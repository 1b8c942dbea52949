"""Our own container images: what they are made of, building them, what is in them, and pushing them."""

"""A provisioner for LLMwright: ``driver`` talks to the cloud."""

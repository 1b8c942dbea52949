"""A provisioner for LLMwright: ``driver`` decides, ``cloud`` talks to the cloud."""

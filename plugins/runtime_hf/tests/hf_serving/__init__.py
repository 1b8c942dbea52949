"""Tests of the workload half: the server, over HTTP, with a real tiny model."""

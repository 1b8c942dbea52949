"""The report of a pass: the status, and Events."""

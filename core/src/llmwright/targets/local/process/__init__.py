"""Processes of this machine: starting, watching, probing and ending them."""

"""The files that a finished run leaves in its output directory."""

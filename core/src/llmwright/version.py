"""The version of all packages, below every room: the package itself names ``app/``, and no room may import that."""

__version__ = "0.1.0"

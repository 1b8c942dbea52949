"""The names that requests may give, while adapters come and go. Every method is callable from any thread."""

from __future__ import annotations

from typing import Protocol


class Names(Protocol):
    """Names of what is served."""

    @property
    def served_model_name(self) -> str:
        """The base's name."""

    @property
    def default_model(self) -> str:
        """The name that a request without one means."""

    @property
    def model_names(self) -> tuple[str, ...]:
        """All names: the base first, then the adapters."""


class ServedNames:
    """``Names`` that change. A reader sees all of a change or nothing of it."""

    def __init__(self, names: Names) -> None:
        self.served_model_name = names.served_model_name
        self._default = names.default_model
        self.model_names = tuple(names.model_names)

    @property
    def default_model(self) -> str:
        """The name that a request without one means: the base's, once the adapter that it was is unloaded."""
        return self._default if self._default in self.model_names else self.served_model_name

    def add(self, name: str) -> None:
        """Serve ``name`` from now on."""
        if name not in self.model_names:
            self.model_names = (*self.model_names, name)

    def remove(self, name: str) -> None:
        """Serve ``name`` no longer."""
        self.model_names = tuple(known for known in self.model_names if known != name)

"""One call of a tool."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Parameters = Mapping[str, Any]
"""The JSON schema of the arguments of each tool, by its name."""


def _new_id() -> str:
    # Mistral's templates take ids of nine letters and digits, and no others mind.
    return secrets.token_hex(5)[:9]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of the function ``name``; ``arguments`` is the JSON of an object. ``id`` is made for its answer."""

    name: str
    arguments: str
    id: str = field(default_factory=_new_id)

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, Any]) -> Self:
        """Return the call with these arguments. Raises ValueError for a number that JSON cannot write."""
        return cls(name, json.dumps(arguments, ensure_ascii=False, allow_nan=False))

    def json(self) -> dict[str, Any]:
        """Return the call as OpenAI's API writes it."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}

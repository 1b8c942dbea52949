"""A fake of Acme's cloud: its HTTP API over the machines of ``CloudWorld``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmwright.testing import CloudWorld

REFUSALS = (
    (429, {"error": {"message": "the quota is used up"}}),
    (409, {"error": "no machine of that type"}),
    (403, "forbidden"),
    (502, None),
)


@dataclass
class AcmeCloud(CloudWorld):
    """Answers as the cloud does."""

    def request(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        """Return status and answer."""
        if token != "a-token-of-acme":
            return 401, {"error": {"message": "bad token"}}
        name = path.rpartition("/")[2]
        if method == "GET":
            return 200, {"machines": [self.described(each) for each in self.sold]}
        if self.refusing:
            return REFUSALS[self.refusing - 1]
        if method == "PUT":
            self.create(name, labels=body["labels"], instance_type=body["type"], zone=body["zone"])
            return 201, self.described(name)
        return (200, {}) if self.delete(name) else (404, {"error": {"message": "no such machine"}})

    def described(self, name: str) -> dict[str, Any]:
        """Return one machine as the cloud tells it."""
        return {"name": name, "state": self.state(name), "labels": dict(self.sold[name].facts.get("labels", {}))}

    def refuse(self, way: int) -> bool:
        """Refuse by one of ``REFUSALS``."""
        self.refusing = way if way <= len(REFUSALS) else 0
        return way <= len(REFUSALS)

    def _meet(self) -> None:
        """Refusals are answers here."""

"""Bearer tokens: issued, and looked at. They carry no claims and are no JWTs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.arm.support import arm_errors

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}').decode()


@dataclass
class Tokens:
    """The tokens of one tenant. ``token_s`` is the life of the next ones, in seconds."""

    token_s: float = 3600
    _ends: dict[str, datetime] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)

    def issue(self, now: datetime) -> tuple[str, datetime]:
        """Return a new token and its end."""
        token = f"arm-test-token-{len(self._ends) + 1}"
        self._ends[token] = now + timedelta(seconds=self.token_s)
        return token, self._ends[token]

    def revoke_all(self) -> None:
        """Take every token back before its time: ARM answers with a claims challenge."""
        self._revoked.update(self._ends)

    def check(self, header: str | None, now: datetime) -> None:
        """Raise 401 with a challenge where the header Authorization does not hold."""
        token = (header or "").removeprefix("Bearer ")
        if not header or not header.startswith("Bearer "):
            text = "Authentication failed. The 'Authorization' header is missing."
            raise arm_errors.expired(TENANT, "AuthenticationFailed", text)
        if token in self._revoked:
            challenge = f'error="insufficient_claims", claims="{CLAIMS}"'
            text = "Continuous access evaluation resulted in challenge."
            raise arm_errors.expired(TENANT, "TokenIssuedBeforeRevocationTimestamp", text, challenge)
        ends = self._ends.get(token)
        if ends is None:
            raise arm_errors.expired(TENANT, "InvalidAuthenticationToken", "The access token is invalid.")
        if ends <= now:
            text = f"The access token expiry UTC time '{ends:%m/%d/%Y %I:%M:%S %p}' is earlier than current UTC time '{now:%m/%d/%Y %I:%M:%S %p}'."  # noqa: E501
            raise arm_errors.expired(TENANT, "ExpiredAuthenticationToken", text)

"""The client that asks a model hub about a model: small documents, under the address rules."""

from __future__ import annotations

from types import TracebackType

import httpx

from llmwright.artifacts.addresses import Location, SourceRules, parse_url
from llmwright.artifacts.answer_body import LARGEST_DOCUMENT_BYTES, read
from llmwright.artifacts.artifact_errors import TransientAnswer
from llmwright.artifacts.wire import Wire, bearer
from llmwright.errors import ConfigError, TargetError

HUB_PATIENCE_SECONDS = 20.0


class GuardedHubClient:
    """Reads documents of at most 1 MiB from the hub that ``HF_ENDPOINT`` names, and never waits long.

    That host and port may be anywhere; where it redirects to is held to ``rules``. For one thread; use it in a
    ``with``.
    """

    def __init__(self, rules: SourceRules, *, patience_s: float = HUB_PATIENCE_SECONDS) -> None:
        self._rules = rules
        self._patience_s = patience_s
        self._wire: Wire | None = None

    def __enter__(self) -> GuardedHubClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            self._wire.close()

    def get(self, url: str, token: str) -> tuple[int, bytes]:
        """Return status and body. ``token`` goes to the hub alone, not to where it redirects.

        Raises ConfigError: SourceRefused, TooLarge, TokenUnusable; TargetError: HubUnreachable, TooSlow.
        """
        try:
            location = parse_url(url)
        except ValueError as unusable:
            raise ConfigError(f"HF_ENDPOINT: {unusable}") from None
        secrets = bearer(token, "HF_TOKEN") if token else {}
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "llmwright"}
        try:
            with self._connected(location).get(location, headers, secrets) as response:
                return response.status_code, read(response, LARGEST_DOCUMENT_BYTES, location.masked)
        except (httpx.RequestError, TransientAnswer) as error:
            raise TargetError(
                f"the model hub {httpx.URL(location.url).netloc.decode()} cannot be reached: "
                f"{error or type(error).__name__}",
                reason="HubUnreachable",
            ) from error

    def _connected(self, location: Location) -> Wire:
        if self._wire is None:
            rules = self._rules.naming(location)
            self._wire = Wire(rules, read_seconds=self._patience_s, patience_s=self._patience_s)
        return self._wire

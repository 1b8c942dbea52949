"""Requests under the address rules: the one client of downloads, of the model hub and of registries.

Each location is checked before it is asked, and the address again where the connection is made (``connections``).
Redirects are followed here, and each location is checked like the first. Each request keeps to a pace (``pace``), and
the sizes of bodies are held where they are read (``answer_body``).

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (names, suffixes, CIDRs) are honoured; loopback is
never sent to a proxy, as in Docker. Behind a proxy, names and literal addresses are checked here, and the proxy
resolves and connects: the addresses behind a name are then the proxy's responsibility.

httpx is used without its client, whose log line per request would print the signatures in a URL's query.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeVar

import httpcore
import httpx

from llmwright.artifacts.addresses import LOOPBACK, Location, SourceRules, is_local_name, refused
from llmwright.artifacts.artifact_errors import TransientAnswer
from llmwright.artifacts.connections import GuardedBackend, PacedBackend, Resolver, system_resolver
from llmwright.artifacts.network_environment import proxy_for, proxy_pool, trust
from llmwright.artifacts.pace import PATIENCE_SECONDS, Pace
from llmwright.errors import ConfigError, TargetError
from llmwright.values.backoff import Backoff

T = TypeVar("T")

MOST_REDIRECTS = 10
ATTEMPTS = 3
PAUSES = Backoff(first_s=0.5, most_s=30.0)
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Wire:
    """Requests to locations that ``rules`` permit. For one thread; close it, or use it in a ``with``."""

    def __init__(
        self,
        rules: SourceRules,
        *,
        resolve: Resolver = system_resolver,
        read_seconds: float = READ_SECONDS,
        patience_s: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rules = rules
        self._pace = Pace(patience_s, clock)
        self._backend = GuardedBackend(rules, self._pace, resolve)
        self._timeout = httpx.Timeout(read_seconds, connect=min(CONNECT_SECONDS, read_seconds)).as_dict()
        self._context = trust()
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}
        logging.getLogger("httpcore.http11").addFilter(_HEADERS_HIDDEN)

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    @contextlib.contextmanager
    def send(
        self, method: str, location: Location, headers: Mapping[str, str], content: bytes = b""
    ) -> Iterator[httpx.Response]:
        """Send one request without redirects. The caller reads the answer's body inside the ``with``.

        Raises ConfigError (SourceRefused) for a location that is not permitted; httpx.RequestError for a broken
        connection; TargetError (TooSlow).
        """
        self._pace.begin(location.masked)
        with self._exchange(method, location, headers, content) as response:
            yield response

    @contextlib.contextmanager
    def _exchange(
        self, method: str, location: Location, headers: Mapping[str, str], content: bytes = b""
    ) -> Iterator[httpx.Response]:
        self._judge(location)
        sent = httpx.Request(method, location.url, headers=dict(headers), content=content)
        core = httpcore.Request(
            method=method,
            url=httpcore.URL(
                scheme=sent.url.raw_scheme, host=sent.url.raw_host, port=sent.url.port, target=sent.url.raw_path
            ),
            headers=sent.headers.raw,
            content=content,
            extensions={"timeout": self._timeout},
        )
        pool = self._pool(proxy_for(location))
        with _httpx_errors():
            answer = pool.handle_request(core)
        response = httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream), request=sent)
        with contextlib.closing(response):
            yield response

    @contextlib.contextmanager
    def get(
        self, location: Location, headers: Mapping[str, str], secrets: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """GET, with at most 10 redirects. ``secrets`` are headers that only the first origin gets.

        Raises as ``send``, and ConfigError for a redirect that must not be followed.
        """
        first = location
        self._pace.begin(location.masked)
        for _ in range(MOST_REDIRECTS + 1):
            private = secrets if secrets and location.origin == first.origin else {}
            with self._exchange("GET", location, {**headers, **basic(location.userinfo), **private}) as response:
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                location = redirected(location, response.headers.get("location", ""))
        raise ConfigError(f"{first.masked} redirects more than {MOST_REDIRECTS} times", reason="SourceRefused")

    def _judge(self, location: Location) -> None:
        addresses = LOOPBACK[:1] if is_local_name(location.host) else location.addresses
        problem = self.rules.refusal(location.host, addresses, location.port)
        if problem:
            raise refused(f"{location.masked}: {problem}")

    def _pool(self, proxy: str | None) -> httpcore.ConnectionPool:
        if proxy not in self._pools:
            if proxy is None:
                pool = httpcore.ConnectionPool(ssl_context=self._context, network_backend=self._backend)
            else:
                pool = proxy_pool(proxy, self._context, PacedBackend(self._pace))
            self._pools[proxy] = pool
        return self._pools[proxy]


def redirected(location: Location, target: str) -> Location:
    """Return the target of a redirect. Raises ConfigError (SourceRefused): none, not http(s), or from https to http."""
    try:
        following = location.join(target) if target else None
    except ValueError as problem:
        raise refused(f"{location.masked} redirects: {problem}") from None
    if following is None:
        raise refused(f"{location.masked} redirects without saying where")
    if location.scheme == "https" and following.scheme == "http":
        raise refused(f"{location.masked} redirects from https to plain http")
    return following


def retry(
    action: Callable[[], T], what: str, *, sleep: Callable[[float], None] = time.sleep, attempts: int = ATTEMPTS
) -> T:
    """Run ``action``, up to ``attempts`` times while the failure may pass: connections, time-outs, 408, 425, 429, 5xx.

    Raises TargetError (Unreachable) naming ``what``, and at once for a certificate that is not trusted.
    """
    for attempt in range(attempts):
        try:
            return action()
        except (httpx.RequestError, TransientAnswer) as error:
            untrusted = _certificate_problem(error)
            if untrusted:
                hint = "name your company's CA bundle in SSL_CERT_FILE"
                raise ConfigError(f"{what}: {untrusted}", hint=hint, reason="Unreachable") from error
            if attempt == attempts - 1:
                text = str(error) or type(error).__name__
                hint = getattr(error, "hint", "check the address, the network and the proxy settings")
                tried = f" ({attempts} attempts)" if attempts > 1 else ""
                raise TargetError(f"{what}: {text}{tried}", hint=hint, reason="Unreachable") from error
            sleep(max(PAUSES.pause_s(attempt + 1), getattr(error, "wait_seconds", 0.0)))
    raise AssertionError("unreachable")


def raise_if_transient(response: httpx.Response, reason: Callable[[httpx.Response], str] | None = None) -> None:
    """Raise TransientAnswer for a status that may succeed later, with the wait that it asks for (up to 30 s).

    ``reason`` reads the server's own words from its answer.
    """
    status = response.status_code
    if status in _TRANSIENT:
        text = f"the server answered {status}{reason(response) if reason else ''}"
        hint = "try again later" + (", or log in: servers limit how often a stranger asks" if status == 429 else "")
        raise TransientAnswer(text, min(_wanted_wait(response), PAUSES.most_s), hint)


def _wanted_wait(response: httpx.Response) -> float:
    """Return the seconds of ``Retry-After``: a number, or the way to a date by the server's own clock (RFC 9110)."""
    wanted = response.headers.get("retry-after", "")
    seconds = whole_number(wanted)
    if seconds is not None:
        return float(seconds)
    try:
        then, now = (parsedate_to_datetime(text) for text in (wanted, response.headers.get("date", "")))
        return max((then - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def whole_number(text: str) -> int | None:
    """Read a header that holds a whole number, of at most 20 digits; None where it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def bearer(token: str, what: str) -> dict[str, str]:
    """Return the header that sends ``token`` (RFC 6750).

    Raises ConfigError naming ``what``, never the token, for one that no header can hold.
    """
    if not re.fullmatch(r"[!-~]+", token):
        text = f"{what} cannot be sent: it is not of ASCII letters, digits and signs"
        raise ConfigError(text, hint="look for blanks, line ends and other characters in it", reason="TokenUnusable")
    return {"Authorization": f"Bearer {token}"}


def basic(userinfo: tuple[str, str] | None) -> dict[str, str]:
    """Return the header of HTTP basic authentication (RFC 7617); empty without ``userinfo``."""
    if userinfo is None:
        return {}
    sent = ":".join(userinfo).encode(errors="surrogateescape")
    return {"Authorization": "Basic " + base64.b64encode(sent).decode()}


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._stream

    def close(self) -> None:
        self._stream.close()


@contextlib.contextmanager
def _httpx_errors() -> Iterator[None]:
    """Turn httpcore's errors into httpx's errors of the same name, as httpx's own transport does."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__, httpx.TransportError)(str(error)) from error


def _certificate_problem(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({error.verify_message})"
        error = error.__cause__ or error.__context__
    return ""


class _HeadersHidden(logging.Filter):
    """Hides answers' headers, which hold cookies and signed URLs: httpcore logs them at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("receive_response_headers.complete")


_HEADERS_HIDDEN = _HeadersHidden()

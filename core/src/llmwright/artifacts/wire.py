"""Connections: the only file of this room that opens them, and the place where the address rules are enforced.

The rules are checked against the address of the connection itself. A name is resolved once, every answer is checked,
and the connection goes to one of these addresses. So a second answer of a hostile name server (DNS rebinding) has no
effect. Redirects are followed here, and each location is checked like the first.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (names, suffixes, CIDRs) are honoured; loopback is
never sent to a proxy, as in Docker. Behind a proxy, names and literal addresses are checked here, and the proxy
resolves and connects: the addresses behind a name are then the proxy's responsibility.

httpx is used without its client, whose log line per request would print the signatures in a URL's query.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from types import TracebackType
from typing import Any, TypeVar

import httpcore
import httpx

from llmwright.artifacts.addresses import LOOPBACK, Location, SourceRules, is_local_name, refused
from llmwright.artifacts.network_environment import proxy_for, proxy_pool, trust
from llmwright.artifacts.networks import IPAddress, literal_addresses
from llmwright.errors import ConfigError, TargetError
from llmwright.values.backoff import Backoff

Resolver = Callable[[str, int], Sequence[IPAddress]]
T = TypeVar("T")

MOST_REDIRECTS = 10
ATTEMPTS = 3
PAUSES = Backoff(first_s=0.5, most_s=30.0)
CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class TransientAnswer(Exception):
    """The answer is a failure that may pass. Only this room sees it: ``retry`` turns the last into an error."""

    def __init__(self, text: str, wait_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


def system_resolver(host: str, port: int) -> Sequence[IPAddress]:
    """Resolve a name with this machine's resolver, and return the addresses in its order."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
    return tuple(dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))


class GuardedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that the rules permit, after a check of all addresses behind the name."""

    def __init__(self, rules: SourceRules, resolve: Resolver = system_resolver) -> None:
        self._rules = rules
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError(f"the name {host} has no address")
        for address in self._permitted(host, port):
            try:
                return self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    def _permitted(self, host: str, port: int) -> Sequence[IPAddress]:
        if is_local_name(host):
            loopback = [address for address in LOOPBACK if self._rules.refusal(host, [address]) is None]
            addresses: Sequence[IPAddress] = loopback or LOOPBACK
        else:
            addresses = literal_addresses(host) or self._resolve(host, port)
        problem = self._rules.refusal(host, addresses)
        if problem:
            raise refused(problem)
        return addresses

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Wire:
    """Requests to locations that ``rules`` permit. For one thread; close it, or use it in a ``with``."""

    def __init__(
        self, rules: SourceRules, *, resolve: Resolver = system_resolver, read_seconds: float = READ_SECONDS
    ) -> None:
        self.rules = rules
        self._backend = GuardedBackend(rules, resolve)
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
        connection.
        """
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
        for _ in range(MOST_REDIRECTS + 1):
            private = secrets if secrets and location.origin == first.origin else {}
            with self.send("GET", location, {**headers, **basic(location.userinfo), **private}) as response:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                location = redirected(location, response.headers.get("location", ""))
        raise ConfigError(f"{first.masked} redirects more than {MOST_REDIRECTS} times", reason="SourceRefused")

    def _judge(self, location: Location) -> None:
        addresses = LOOPBACK[:1] if is_local_name(location.host) else location.addresses
        problem = self.rules.refusal(location.host, addresses)
        if problem:
            raise refused(f"{location.masked}: {problem}")

    def _pool(self, proxy: str | None) -> httpcore.ConnectionPool:
        if proxy not in self._pools:
            if proxy is None:
                pool = httpcore.ConnectionPool(ssl_context=self._context, network_backend=self._backend)
            else:
                pool = proxy_pool(proxy, self._context)
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


def retry(action: Callable[[], T], what: str, *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Run ``action``, up to 3 times while the failure may pass: connections, time-outs, 408, 425, 429 and 5xx.

    Raises TargetError (Unreachable) naming ``what``, and at once for a certificate that is not trusted.
    """
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except (httpx.RequestError, TransientAnswer) as error:
            untrusted = _certificate_problem(error)
            if untrusted:
                hint = "name your company's CA bundle in SSL_CERT_FILE"
                raise ConfigError(f"{what}: {untrusted}", hint=hint, reason="Unreachable") from error
            if attempt == ATTEMPTS - 1:
                text = str(error) or type(error).__name__
                hint = "check the address, the network and the proxy settings"
                raise TargetError(f"{what}: {text} ({ATTEMPTS} attempts)", hint=hint, reason="Unreachable") from error
            sleep(max(PAUSES.pause_s(attempt + 1), getattr(error, "wait_seconds", 0.0)))
    raise AssertionError("unreachable")


def raise_if_transient(response: httpx.Response) -> None:
    """Raise TransientAnswer for a status that may succeed later, with the wait that it asks for (up to 30 s)."""
    if response.status_code in _TRANSIENT:
        asked = response.headers.get("retry-after", "")
        wait = float(asked) if asked.isascii() and asked.isdigit() else 0.0
        raise TransientAnswer(f"the server answered {response.status_code}", min(wait, PAUSES.most_s))


def basic(userinfo: tuple[str, str] | None) -> dict[str, str]:
    """Return the header of HTTP basic authentication (RFC 7617); empty without ``userinfo``."""
    if userinfo is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(userinfo).encode()).decode()}


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

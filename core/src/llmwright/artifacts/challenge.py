"""The challenges of a registry's 401, and the header that answers them.

Basic authentication (RFC 7617), and the token protocol of the distribution project: GET with the user's name and
password, or POST of an identity token (OAuth 2), at the ``realm``, for one ``scope``. A registry may offer several
schemes, in one header or in several (RFC 9110, 11.6.1).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from llmwright.artifacts.addresses import Location, parse_url
from llmwright.artifacts.answer_body import read_object, stated_reason
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.wire import Wire, basic, bearer, raise_if_transient
from llmwright.errors import ConfigError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|(?=,|$))")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_CLIENT = "llmwright"


class TokenRefused(Exception):
    """The token service gave no token. Its text says why. Only this room sees it: the registry's answer decides."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a ``WWW-Authenticate`` header: its scheme in lower case, and its parameters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read all challenges of all headers, in their order; what cannot be read is left out."""
    return tuple(challenge for header in headers for challenge in _challenges(header))


def _challenges(header: str) -> Iterator[Challenge]:
    current: Challenge | None = None
    place = 0
    while place < len(header):
        if header[place] in ", \t":
            place += 1
        elif (parameter := _PARAMETER.match(header, place)) and current:
            value = re.sub(r"\\(.)", r"\1", parameter[2]) if parameter[2] is not None else parameter[3]
            current.parameters.setdefault(parameter[1].lower(), value)
            place = parameter.end()
        elif scheme := _SCHEME.match(header, place):
            if current:
                yield current
            current = Challenge(scheme[1].lower())
            token68 = _TOKEN68.match(header, scheme.end())
            place = token68.end() if token68 else scheme.end()
        else:
            place = header.find(",", place) % (len(header) + 1)
    if current:
        yield current


def authorization(
    wire: Wire,
    challenges: tuple[Challenge, ...],
    scope: str,
    credential: Credential | None,
    *,
    registry: Location,
) -> dict[str, str]:
    """Return the header that answers one of the challenges; empty where none can be answered.

    Tokens come before passwords. ``registry`` is who asked: a token service without TLS is asked only where the
    registry has none either, on its own host or on loopback. Raises ConfigError: SourceRefused for a token service
    that must not be asked, TokenUnusable; TokenRefused; httpx.RequestError and TransientAnswer where it does not
    answer.
    """
    refusal: ConfigError | TokenRefused | None = None
    for challenge in (challenge for challenge in challenges if challenge.scheme == "bearer"):
        if credential is not None and credential.registry_token:
            return bearer(credential.registry_token, "the registry token in Docker's config file")
        try:
            token = _token(wire, _realm(challenge, registry), challenge, scope, credential)
        except (ConfigError, TokenRefused) as error:
            refusal = refusal or error
            continue
        return bearer(token, f"the token that registry {registry.host} gave")
    if any(challenge.scheme == "basic" for challenge in challenges) and credential and credential.username:
        return basic((credential.username, credential.password))
    if refusal:
        raise refusal
    return {}


def _realm(challenge: Challenge, registry: Location) -> Location:
    try:
        realm = parse_url(challenge.parameters.get("realm", ""))
    except ValueError as problem:
        raise ConfigError(f"the registry names an unusable token service: {problem}", reason="SourceRefused") from None
    near = registry.scheme == "http" and (realm.host == registry.host or realm.loopback)
    if realm.scheme == "http" and not near:
        text = f"the registry's token service {realm.masked} has no TLS; credentials are not sent to it"
        raise ConfigError(text, reason="SourceRefused")
    return realm


def _token(wire: Wire, realm: Location, challenge: Challenge, scope: str, credential: Credential | None) -> str:
    with _ask(wire, realm, challenge, scope, credential) as response:
        raise_if_transient(response, stated_reason)
        if response.status_code != 200:
            raise _refused(realm, f"answered {response.status_code}{stated_reason(response)}")
        try:
            answer = read_object(response, realm.masked)
        except ValueError as problem:
            raise _refused(realm, f"gave no token: {problem}") from None
    token = answer.get("token") or answer.get("access_token")
    if not token:
        raise _refused(realm, "gave no token")
    return str(token)


def _refused(realm: Location, what: str) -> TokenRefused:
    return TokenRefused(f"its token service {realm.host} {what}")


def _scopes(challenge: Challenge, scope: str) -> list[str]:
    """Return the scope that is needed, and what the registry asks for besides, as containerd has it."""
    own = scope.rpartition(":")[0]
    asked = (text for text in challenge.parameters.get("scope", "").split() if text.rpartition(":")[0] != own)
    return list(dict.fromkeys([scope, *asked]))


def _ask(
    wire: Wire, realm: Location, challenge: Challenge, scope: str, credential: Credential | None
) -> contextlib.AbstractContextManager[httpx.Response]:
    """Ask for a token. Redirects of a GET are followed, and the password is not sent along to another origin."""
    service, scopes = challenge.parameters.get("service", ""), _scopes(challenge, scope)
    fields = [("client_id", _CLIENT), *([("service", service)] if service else [])]
    if credential is not None and credential.identity_token:
        form = [
            *fields,
            ("scope", " ".join(scopes)),
            ("grant_type", "refresh_token"),
            ("refresh_token", credential.identity_token),
        ]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return wire.send("POST", realm, headers, urlencode(form).encode())
    user = (credential.username, credential.password) if credential and credential.username else None
    joint = "&" if "?" in realm.target else "?"
    place = realm.join(realm.target + joint + urlencode([*fields, *(("scope", text) for text in scopes)]))
    return wire.get(place, {}, basic(user))

"""The challenge of a registry's 401, and the header that answers it.

Basic authentication (RFC 7617), and the token protocol of the distribution project: GET with the user's name and
password, or POST of an identity token (OAuth 2), at the ``realm``, for one ``scope``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

from llmwright.artifacts.addresses import Location, parse_url
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.wire import Wire, basic, raise_if_transient
from llmwright.errors import ConfigError

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_CLIENT = "llmwright"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A ``WWW-Authenticate`` header: its scheme in lower case, and its parameters."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse_challenge(header: str) -> Challenge:
    """Read one challenge (RFC 9110, 11.6.1); unknown text gives an empty scheme or no parameters."""
    scheme, _, rest = header.strip().partition(" ")
    parameters = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(rest)}
    return Challenge(scheme.lower(), parameters)


def authorization(
    wire: Wire, challenge: Challenge, scope: str, credential: Credential | None, *, plain_http: bool
) -> dict[str, str]:
    """Return the header that answers ``challenge``; empty without a usable credential.

    ``plain_http`` permits a realm without TLS, as for the registry itself. Raises ConfigError (SourceRefused) for
    a realm that must not be asked; httpx.RequestError and TransientAnswer where it does not answer.
    """
    if credential is not None and credential.registry_token:
        return {"Authorization": f"Bearer {credential.registry_token}"}
    if challenge.scheme == "basic":
        return basic((credential.username, credential.password)) if credential and credential.username else {}
    if challenge.scheme != "bearer":
        return {}
    token = _token(wire, _realm(challenge, plain_http=plain_http), challenge, scope, credential)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _realm(challenge: Challenge, *, plain_http: bool) -> Location:
    try:
        realm = parse_url(challenge.parameters.get("realm", ""))
    except ValueError as problem:
        raise ConfigError(f"the registry names an unusable token service: {problem}", reason="SourceRefused") from None
    if realm.scheme == "http" and not plain_http:
        text = f"the registry's token service {realm.masked} has no TLS; credentials are not sent to it"
        raise ConfigError(text, reason="SourceRefused")
    return realm


def _token(wire: Wire, realm: Location, challenge: Challenge, scope: str, credential: Credential | None) -> str:
    asked = {"service": challenge.parameters.get("service", ""), "scope": scope}
    asked = {key: value for key, value in asked.items() if value}
    if credential is not None and credential.identity_token:
        form = asked | {
            "grant_type": "refresh_token",
            "client_id": _CLIENT,
            "refresh_token": credential.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        exchange = wire.send("POST", realm, headers, urlencode(form).encode())
    else:
        user = (credential.username, credential.password) if credential and credential.username else None
        joint = "&" if "?" in realm.target else "?"
        place = realm.join(realm.target + joint + urlencode(asked | {"client_id": _CLIENT}))
        exchange = wire.send("GET", place, basic(user))
    with exchange as response:
        raise_if_transient(response)
        response.read()
        if response.status_code != 200:
            return ""
        try:
            answer = response.json()
            return str(answer.get("token") or answer.get("access_token") or "")
        except (ValueError, AttributeError):
            return ""

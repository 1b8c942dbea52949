"""Proxies and trusted certificates from the environment's variables."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpcore
import httpx

from llmwright.artifacts.addresses import Location, mask_url
from llmwright.artifacts.networks import IPAddress
from llmwright.errors import ConfigError


def trust() -> ssl.SSLContext:
    """Return trusted certificates: of ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, ``REQUESTS_CA_BUNDLE``, else certifi's."""
    named = next((n for n in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE") if os.environ.get(n)), None)
    if named is None:
        return httpx.create_ssl_context()
    path = os.environ[named]
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ConfigError(f"the CA bundle {path} named by {named} cannot be read: {error}") from error


def proxy_for(location: Location) -> str | None:
    """Return the proxy that the environment names for ``location``, None for a direct connection."""
    proxies = getproxies_environment()
    proxy = proxies.get(location.scheme) or proxies.get("all")
    if not proxy or location.loopback or proxy_bypass(location.host, proxies):
        return None
    if any(_in_network(location.addresses, entry.strip()) for entry in proxies.get("no", "").split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _in_network(addresses: Sequence[IPAddress], entry: str) -> bool:
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        return False
    return any(address in network for address in addresses)


def proxy_pool(proxy: str, context: ssl.SSLContext, backend: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    """Return connections through ``proxy``. Raises ConfigError where it is no http or https URL."""
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"the proxy {mask_url(proxy)} is not an http or https URL", hint="see HTTPS_PROXY, ALL_PROXY")
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return httpcore.HTTPProxy(
        proxy_url=httpcore.URL(scheme=parts.scheme.encode(), host=parts.hostname.encode(), port=port, target=b"/"),
        proxy_auth=auth,
        ssl_context=context,
        proxy_ssl_context=context if parts.scheme == "https" else None,
        network_backend=backend,
    )

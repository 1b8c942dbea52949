"""Certificates that a process issues to itself. Their keys never leave its memory."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SUBJECT = "llmwright-admission"
SKEW = timedelta(hours=1)
"""By how much an API server's clock may be behind ours."""

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate and its key, both as PEM."""

    text: bytes
    key: bytes = field(repr=False)
    issued: datetime
    expires: datetime


def issue(name: str, validity: timedelta, now: datetime) -> Certificate:
    """Return a new certificate with a new key (P-256) for the server ``name``, a DNS name or an IP address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    expires = now + validity
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(expires)
        .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    text = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return Certificate(text, _pem(key), now, expires)


def still_valid(bundle: bytes, now: datetime) -> tuple[bytes, ...]:
    """Return the certificates of a PEM bundle, each once, without expired and unreadable ones."""
    valid: dict[bytes, None] = {}
    for block in _BLOCK.findall(bundle):
        try:
            certificate = x509.load_pem_x509_certificate(block)
        except ValueError:
            continue
        if certificate.not_valid_after_utc > now:
            valid[certificate.public_bytes(serialization.Encoding.PEM)] = None
    return tuple(valid)


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Return a TLS context (1.2 and later) that serves with ``certificate``.

    Each certificate needs a context of its own. If a second certificate were loaded into a context that serves, a
    client could for a moment meet the new certificate with the old key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _in_memory(certificate.key + certificate.text) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _in_memory(text: bytes) -> Iterator[str]:
    """Yield a path to ``text``, as the ssl module reads only files. The file is in memory, never on a disk."""
    with open(os.memfd_create(SUBJECT), "wb") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

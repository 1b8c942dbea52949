"""A token service as the distribution project specifies it, which signs for a real ``docker-registry``."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER, SERVICE = "test-issuer", "test-registry"


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenSigner:
    """Signs access tokens; ``bundle`` is the certificate by which a registry trusts them."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now()
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        builder = builder.serial_number(7).not_valid_before(now - timedelta(days=1))
        certificate = builder.not_valid_after(now + timedelta(days=2)).sign(self._key, hashes.SHA256())
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._certificate = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    def token(self, scope: str) -> str:
        """Return a JWT (ES256) for ``repository:NAME:ACTIONS``."""
        kind, name, actions = scope.split(":")
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": SERVICE, "sub": "pat", "jti": "1"}
        claims |= {"exp": now + 300, "nbf": now - 10, "iat": now - 10}
        claims["access"] = [{"type": kind, "name": name, "actions": actions.split(",")}]
        header = {"typ": "JWT", "alg": "ES256", "x5c": [self._certificate]}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (header, claims))
        numbers = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_text(b''.join(number.to_bytes(32, 'big') for number in numbers))}"

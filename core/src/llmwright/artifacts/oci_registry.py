"""One repository of an OCI registry, over HTTP (OCI distribution specification 1.1).

It uses this room's own ``wire`` and not the ``oras`` package (0.2.43). That package does not verify the digests of the
blobs that it pulls, cannot check the addresses of registries and redirects, and has no type marker.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, TypeVar
from urllib.parse import quote

import httpx

from llmwright.artifacts.addresses import Location, parse_url
from llmwright.artifacts.answer_body import read, stated_reason
from llmwright.artifacts.artifact_errors import TransientAnswer, bad_image, digest_mismatch
from llmwright.artifacts.challenge import Challenge, TokenRefused, authorization, parse_challenges
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    Image,
    choose_manifest,
    manifest_kind,
    read_image,
)
from llmwright.artifacts.image_reference import Reference
from llmwright.artifacts.partial_blob import PartialBlob
from llmwright.artifacts.wire import ATTEMPTS, REDIRECTS, Wire, raise_if_transient, redirected, retry, whole_number
from llmwright.errors import ConfigError, TargetError

CHUNK_BYTES = 16 * 1024**2
LARGEST_CHUNK_BYTES = 256 * 1024**2
MOST_INDEXES = 3
LARGEST_MANIFEST_BYTES = 4 * 1024**2  # what registries accept at most


R = TypeVar("R")

_STORED = (200, 201, 202, 204)  # 201 and 202 are the specification's; containerd takes all of them
_ACCEPT = ", ".join((OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST))


class OciRegistry:
    """Calls to the repository that ``reference`` names; ``actions`` is ``pull`` or ``pull,push``.

    Plain http is used only on loopback, as Docker does, or for hosts in ``insecure``, and there only where the server
    does not speak TLS. Each method retries failures that may pass. Raises ConfigError: PullDenied, PushDenied,
    ImageNotFound, SourceRefused; TargetError: Unreachable, RegistryError.
    """

    def __init__(
        self,
        wire: Wire,
        reference: Reference,
        credentials: Sequence[Credential],
        *,
        actions: str,
        insecure: tuple[str, ...] = (),
        chunk_bytes: int = CHUNK_BYTES,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.reference = reference
        self._wire = wire
        self._credentials = list(credentials)
        self._challenges: tuple[Challenge, ...] = ()
        self._actions = actions
        self._may_be_plain = reference.on_loopback or reference.registry in insecure
        self._chunk_bytes = chunk_bytes
        self._attempts = attempts
        self._authorization: dict[str, str] = {}
        self._refusal = ""
        self._base: Location | None = None

    def image(self) -> Image:
        """Return the image of this name, also behind indexes of platforms. Raises ConfigError (BadImage)."""
        version, what = self.reference.version, str(self.reference)
        for _ in range(MOST_INDEXES + 1):
            content, announced = self.manifest(version)
            kind = manifest_kind(content, announced, what)
            if kind in MANIFESTS:
                return read_image(content, kind, what)
            if kind not in INDEXES:
                raise bad_image(what, f"{announced[:100] or 'what the registry sent'} is no image manifest")
            version = choose_manifest(content, what).digest
        raise bad_image(what, f"it lies behind more than {MOST_INDEXES} indexes")

    def manifest(self, version: str) -> tuple[bytes, str]:
        """Return the manifest with the tag or digest ``version``, and its media type. A digest is verified."""
        content, kind = self._retry(lambda: self._read_manifest(version))
        actual = "sha256:" + hashlib.sha256(content).hexdigest()
        if version.startswith("sha256:") and actual != version:
            raise digest_mismatch(f"the manifest of {self.reference}", version, actual)
        return content, kind

    def put_manifest(self, version: str, content: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest."""
        headers = {"Content-Type": media_type}

        def put() -> None:
            with self._call("PUT", self._path(f"manifests/{version}"), headers, content) as response:
                self._expect(response, *_STORED)

        self._retry(put)

    def blob(self, digest: str, size: int, file: IO[bytes], progress: Callable[[int], None]) -> None:
        """Bring ``file``, which may hold the blob's beginning, to the whole blob.

        ``progress`` gets the bytes of this blob so far.

        Raises ConfigError (DigestMismatch, TooLarge) where the bytes are not those that the manifest promised.
        """
        self._retry(lambda: self._read_blob(digest, size, file, progress))

    def push_blob(self, digest: str, size: int, file: IO[bytes], progress: Callable[[int], None]) -> None:
        """Store a blob, unless the registry has it: a small blob in one request, a large blob in chunks."""
        self._retry(lambda: self._write_blob(digest, size, file, progress))

    def check_push(self) -> None:
        """Check the right to push: begin an upload and cancel it. Nothing stays behind."""

        def begin_and_cancel() -> None:
            place = self._begin_upload()
            with self._exchange("DELETE", place, {}, b""):
                pass  # a registry that cannot cancel drops idle uploads by itself

        self._retry(begin_and_cancel)

    def _retry(self, action: Callable[[], R]) -> R:
        return retry(action, f"registry {self.reference.registry}", attempts=self._attempts)

    def _read_manifest(self, version: str) -> tuple[bytes, str]:
        with self._call("GET", self._path(f"manifests/{version}"), {"Accept": _ACCEPT}) as response:
            self._expect(response, 200)
            content = read(response, LARGEST_MANIFEST_BYTES, f"the manifest of {self.reference}")
            return content, response.headers.get("content-type", "").partition(";")[0].strip()

    def _read_blob(self, digest: str, size: int, file: IO[bytes], progress: Callable[[int], None]) -> None:
        blob = PartialBlob(digest, size, file, str(self.reference))
        if not blob.is_whole or not size:
            with self._call("GET", self._path(f"blobs/{digest}"), blob.headers) as response:
                blob.meet(response)
                self._expect(response, 200, 206)
                for block in response.iter_raw():
                    blob.write(block)
                    progress(blob.done)
        progress(blob.done)
        blob.verify()

    def _write_blob(self, digest: str, size: int, file: IO[bytes], progress: Callable[[int], None]) -> None:
        with self._call("HEAD", self._path(f"blobs/{digest}"), {}) as response:
            if response.status_code in (200, *REDIRECTS):  # a redirect shows where the blob lies
                progress(size)
                return
            self._expect(response, 404)
        place = self._begin_upload()
        file.seek(0)
        done = 0
        while size - done > self._chunk_bytes:
            block = file.read(self._chunk_bytes)
            place = self._send_chunk(place, done, block)
            done += len(block)
            progress(done)
        joint = "&" if "?" in place.target else "?"
        last = place.join(f"{place.url}{joint}digest={quote(digest, safe='')}")
        with self._call("PUT", last, {"Content-Type": "application/octet-stream"}, file.read()) as response:
            self._expect(response, *_STORED)
        progress(size)

    def _begin_upload(self) -> Location:
        with self._call("POST", self._path("blobs/uploads/"), {}) as response:
            self._expect(response, *_STORED)
            place = self._next_place(self._path("blobs/uploads/"), response)
        if place is None:
            text = f"registry {self.reference.registry} began an upload and did not say where"
            raise TargetError(text, reason="RegistryError")
        return place

    def _send_chunk(self, place: Location, start: int, block: bytes) -> Location:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{start}-{start + len(block) - 1}",
        }
        with self._call("PATCH", place, headers, block) as response:
            self._expect(response, *_STORED)
            return self._next_place(place, response) or place

    def _next_place(self, here: Location, response: httpx.Response) -> Location | None:
        """Return where the upload goes on; None where the registry does not say."""
        smallest = whole_number(response.headers.get("oci-chunk-min-length", "")) or 0
        if smallest > LARGEST_CHUNK_BYTES:
            text = f"registry {self.reference.registry} wants chunks of at least {smallest:,} bytes"
            raise TargetError(text, reason="RegistryError")
        self._chunk_bytes = max(self._chunk_bytes, smallest)
        target = response.headers.get("location", "")
        return redirected(here, target) if target else None

    def _path(self, rest: str) -> Location:
        base = self._base or self._find_base()
        return base.join(f"/v2/{self.reference.repository}/{rest}")

    def _find_base(self) -> Location:
        """Find out whether to use https, or plain http where that is permitted. No credential is sent for this."""
        self._base = parse_url(f"https://{self.reference.host}/")
        if self._may_be_plain:
            try:
                with self._wire.send("GET", self._base.join("/v2/"), {}):
                    pass
            except httpx.TransportError as error:
                if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                    self._base = parse_url(f"http://{self.reference.host}/")
        return self._base

    @contextlib.contextmanager
    def _call(
        self, method: str, place: Location, headers: Mapping[str, str], content: bytes = b""
    ) -> Iterator[httpx.Response]:
        """Send one request, again where it is refused, with each credential. GET follows redirects.

        Raises TransientAnswer for an answer that may be another later.
        """
        asked = False
        while True:
            with self._exchange(method, place, headers, content) as response:
                registry = self._own(response)
                if registry is None or not self._can_try_again(response, asked):
                    raise_if_transient(response, stated_reason)
                    yield response
                    return
            self._authorize(registry)
            asked = True

    def _authorize(self, registry: Location) -> None:
        scope = f"repository:{self.reference.repository}:{self._actions}"
        credential = self._credentials[0] if self._credentials else None
        try:
            self._authorization = authorization(self._wire, self._challenges, scope, credential, registry=registry)
        except TokenRefused as error:
            self._authorization, self._refusal = {}, f"; {error}"

    def _can_try_again(self, response: httpx.Response, asked: bool) -> bool:
        """Whether a credential is left: the first of the list after a 401, for a token lasts minutes; then the next."""
        if response.status_code not in (401, 403):
            return False
        self._challenges = parse_challenges(response.headers.get_list("www-authenticate")) or self._challenges
        if response.status_code == 401 and not asked:
            return True
        if len(self._credentials) < 2 or not self._challenges:
            return False
        # One that was refused is not asked again: what it may not do now, it may not do later.
        del self._credentials[0]
        return True

    def _own(self, response: httpx.Response) -> Location | None:
        """Return the place of an answer from the registry itself; None for another that it named.

        The challenge of another host is not answered: it would get the user's password (CVE-2020-15157).
        """
        place = parse_url(str(response.request.url))
        return place if self._base is not None and place.origin == self._base.origin else None

    def _exchange(
        self, method: str, place: Location, headers: Mapping[str, str], content: bytes
    ) -> contextlib.AbstractContextManager[httpx.Response]:
        own = self._authorization if place.origin == (self._base or place).origin else {}
        common = {"User-Agent": "llmwright", **headers}
        if method == "GET":
            return self._wire.get(place, common, own)
        return self._wire.send(method, place, common | own, content)

    def _remedy(self, status: int) -> str:
        """Return what helps where the registry does not know who asks (401), and where it does and says no (403)."""
        known = any(credential.problem == "" for credential in self._credentials)
        if status == 401 and known:
            return f"{self.reference.registry} does not accept the login that it was given: check user and password"
        if status == 403 and known:
            return f"this login may not: ask who runs {self.reference.registry} for the right, or log in as another"
        return f"log in to {self.reference.registry}, or give the secret that holds its credentials"

    def _expect(self, response: httpx.Response, *statuses: int) -> None:
        status = response.status_code
        if status in statuses:
            return
        verb = "push to" if "push" in self._actions else "pull from"
        text = f"cannot {verb} {self.reference}: the registry answered {status}{stated_reason(response)}"
        if status in (401, 403):
            hint = self._remedy(status)
            problems = (f"; {credential.problem}" for credential in self._credentials if credential.problem)
            text += self._refusal + "".join(problems)
            raise ConfigError(text, hint=hint, reason="PushDenied" if "push" in self._actions else "PullDenied")
        if status == 404:
            raise ConfigError(text, hint="check the image's name", reason="ImageNotFound")
        if status == 416:
            raise TransientAnswer("the registry lost the upload's place")
        raise TargetError(text, reason="RegistryError")

"""Models of a hub, by the hub's real library and a server that answers as the hub does."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from core.tests.artifacts.support.models import PACKED, SHARDS, write_model
from tests.support.hub import COMMIT, TOKEN, Hub, Repository, sha256_of

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.download import Progress
from llmwright.artifacts.hub_snapshot import fetch_snapshot
from llmwright.errors import LLMwrightError

NAME = "acme/tiny"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield hub
    hub.close()


@pytest.fixture
def repository(hub: Hub, tmp_path: Path) -> Repository:
    return hub.add(NAME, write_model(tmp_path / "model"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fetched(revision: str, *, cache: Path, name: str = NAME, progress: Progress | None = None) -> Path:
    """Return the model's directory; the hub's store of large files may be on this machine."""
    return fetch_snapshot(name, revision, sources=SourceRules(("localhost",)), cache=cache, progress=progress)


def refusal(cache: Path, name: str = NAME, revision: str = "main") -> LLMwrightError:
    with pytest.raises(LLMwrightError) as caught:
        fetched(revision, cache=cache, name=name)
    return caught.value


class TestFiles:
    def test_what_a_loader_reads_and_no_more(self, hub: Hub, repository: Repository, cache: Path) -> None:
        counts: list[tuple[int, int | None]] = []
        directory = fetched("main", cache=cache, progress=lambda *count: counts.append(count))
        assert sorted(hub.downloads) == sorted(PACKED)
        for name in PACKED:
            assert (directory / name).read_bytes() == repository.files[name]
        size = sum(len(repository.files[name]) for name in PACKED)
        assert counts[-1] == (size, size)

    def test_another_loader_s_weights_come_beside_them_and_each_once(
        self, hub: Hub, repository: Repository, cache: Path
    ) -> None:
        def of_another() -> Path:
            rules, files = SourceRules(("localhost",)), "consolidated*.safetensors"
            return fetch_snapshot(NAME, COMMIT, sources=rules, cache=cache, files=files)

        for _ in range(2):
            directory = of_another()
            names = {path.name for path in directory.iterdir()}
            assert {"consolidated.safetensors", "config.json"} <= names
            assert not names & {*SHARDS}
        fetched(COMMIT, cache=cache)
        assert {*SHARDS} <= {path.name for path in directory.iterdir()}
        of_another()
        assert sorted(hub.downloads) == sorted([*PACKED, "consolidated.safetensors"])

    @pytest.mark.parametrize("revision", ["main", COMMIT])
    def test_a_restart_downloads_nothing(self, hub: Hub, repository: Repository, cache: Path, revision: str) -> None:
        first = fetched(revision, cache=cache)
        hub.downloads.clear()
        hub.requests.clear()
        assert fetched(revision, cache=cache) == first
        assert hub.downloads == []
        assert len(hub.requests) == (1 if revision == "main" else 0)

    def test_what_other_programs_brought_there_is_used(self, hub: Hub, repository: Repository, cache: Path) -> None:
        huggingface_hub.snapshot_download(NAME, cache_dir=cache, endpoint=hub.url)
        hub.downloads.clear()
        fetched("main", cache=cache)
        assert hub.downloads == []

    def test_other_programs_use_what_is_brought_there(self, hub: Hub, repository: Repository, cache: Path) -> None:
        directory = fetched("main", cache=cache)
        hub.close()
        found = huggingface_hub.hf_hub_download(NAME, SHARDS[0], cache_dir=cache, local_files_only=True)
        assert Path(found) == directory / SHARDS[0]

    def test_a_download_that_was_cut_short_goes_on(self, hub: Hub, repository: Repository, cache: Path) -> None:
        blobs = cache / "models--acme--tiny/blobs"
        blobs.mkdir(parents=True)
        content = repository.files[SHARDS[0]]

        (blobs / f"{sha256_of(content)}.llmwright.incomplete").write_bytes(content[:100_000])
        directory = fetched("main", cache=cache)
        assert "bytes=100000-" in hub.ranges
        assert (directory / SHARDS[0]).read_bytes() == content

    @pytest.mark.parametrize(("gated", "reason"), [(True, "TokenMissing"), (False, "HubFailed")])
    def test_a_refusal_costs_nothing_of_what_came(
        self, hub: Hub, repository: Repository, cache: Path, gated: bool, reason: str
    ) -> None:
        """Neither the hub's, which names its cause, nor that of the store to which it leads, which knows none."""
        directory = fetched("main", cache=cache)
        content = repository.files[SHARDS[0]]
        blob = (directory / SHARDS[0]).resolve()
        blob.unlink()
        part = blob.with_name(f"{blob.name}.llmwright.incomplete")
        part.write_bytes(content[:100_000])
        repository.gated, hub.store_status = gated, None if gated else 403
        assert refusal(cache).reason == reason
        assert part.stat().st_size == 100_000
        repository.gated, hub.store_status = False, None
        fetched("main", cache=cache)
        assert "bytes=100000-" in hub.ranges

    def test_a_file_that_cannot_be_had_ends_the_others(self, hub: Hub, repository: Repository, cache: Path) -> None:
        """They are whole gigabytes: whoever waits is told at once, and the next run goes on with them."""
        repository.spoilt, hub.slow = frozenset({SHARDS[0]}), frozenset({SHARDS[1]})
        assert refusal(cache).reason == "DigestMismatch"
        blob = cache / "models--acme--tiny/blobs" / sha256_of(repository.files[SHARDS[1]])
        assert not blob.exists()
        repository.spoilt, hub.slow = frozenset(), frozenset()
        fetched("main", cache=cache)

    def test_a_digest_that_is_none_names_no_file(
        self, hub: Hub, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tests.support.hub.sha256_of", lambda content: "../../../outside")
        assert refusal(cache).reason == "HubFailed"
        assert not [*cache.parent.glob("outside*")]

    def test_a_connection_that_breaks(self, hub: Hub, repository: Repository, cache: Path) -> None:
        hub.cut = 50_000
        directory = fetched("main", cache=cache)
        assert all((directory / name).read_bytes() == repository.files[name] for name in PACKED)

    def test_without_a_network_what_was_fetched_before_is_used(
        self, hub: Hub, repository: Repository, cache: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        directory = fetched("main", cache=cache)
        hub.close()
        assert fetched("main", cache=cache) == directory
        assert "what was fetched before is used" in caplog.text

    def test_offline_nothing_is_asked(
        self, hub: Hub, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        directory = fetched("main", cache=cache)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        hub.requests.clear()
        assert fetched("main", cache=cache) == directory
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        assert refusal(cache, "acme/other").reason == "NotDownloaded"
        assert hub.requests == []


class TestCauses:
    @pytest.mark.parametrize(
        ("token", "reason", "words"),
        [
            (None, "TokenMissing", "/acme/tiny, make a token at"),
            ("hf_unknownunknown", "TokenInvalid", "make a new one"),
            ("hf_strangerstranger", "LicenceNotAccepted", "/acme/tiny, log in"),
            ("hf_finefinefinefine", "TokenWithoutRight", "public gated repos"),
            ("hf_w\u00edth", "TokenUnusable", "blanks"),
        ],
    )
    def test_a_gated_model(
        self, hub: Hub, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch,
        token: str | None, reason: str, words: str,
    ) -> None:  # fmt: skip
        repository.gated = True
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        error = refusal(cache)
        assert (error.reason, error.exit_code) == (reason, 2)
        assert words in error.hint
        assert "hf_" not in f"{error!r}{error}{error.__cause__!r}"
        assert hub.downloads == []

    def test_with_the_right_token(
        self, hub: Hub, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repository.gated = repository.private = True
        assert refusal(cache).reason == "ModelNotFound"
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        fetched("main", cache=cache)

    def test_names_and_revisions(self, hub: Hub, repository: Repository, cache: Path) -> None:
        missing = refusal(cache, "acme/none")
        assert (missing.reason, "has no model acme/none" in missing.message) == ("ModelNotFound", True)
        assert refusal(cache, revision="v9").reason == "RevisionNotFound"
        assert refusal(cache, revision="f" * 40).reason == "RevisionNotFound"

    def test_no_network(self, hub: Hub, cache: Path) -> None:
        hub.close()
        error = refusal(cache)
        assert (error.reason, error.exit_code) == ("HubUnreachable", 1)
        assert hub.url in error.message

    def test_a_hub_in_trouble(self, hub: Hub, repository: Repository, cache: Path) -> None:
        hub.status = 418
        assert refusal(cache).reason == "HubFailed"

    def test_a_full_disk(self, hub: Hub, repository: Repository, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
            error = refusal(cache)
        assert (error.reason, "bytes are needed" in error.message) == ("NoDiskSpace", True)
        assert hub.downloads == []

    def test_other_bytes_than_the_hub_lists(self, hub: Hub, repository: Repository, cache: Path) -> None:
        repository.spoilt = frozenset({SHARDS[1]})
        error = refusal(cache)
        assert (error.reason, SHARDS[1] in error.message) == ("DigestMismatch", True)
        repository.spoilt = frozenset()
        directory = fetched("main", cache=cache)
        assert (directory / SHARDS[1]).read_bytes() == repository.files[SHARDS[1]]

    def test_a_store_at_an_inner_address(self, hub: Hub, repository: Repository, cache: Path) -> None:
        with pytest.raises(LLMwrightError) as caught:
            fetch_snapshot(NAME, "main", cache=cache)
        assert (caught.value.reason, "sources.allow" in caught.value.message) == ("SourceRefused", True)

    def test_pickles_alone(self, hub: Hub, repository: Repository, cache: Path) -> None:
        repository.files = {"config.json": b"{}", "pytorch_model.bin": b"x"}
        assert refusal(cache).reason == "UnsafeWeights"
        assert hub.downloads == []

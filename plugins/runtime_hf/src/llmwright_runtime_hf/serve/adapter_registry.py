"""Adapters from OCI images of allowed registries, pulled for one load and gone after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from llmwright.catalogue.weight_files import ADAPTER_CONFIG, check_adapter_weights
from llmwright.errors import ConfigError

SCHEME = "oci://"
MOST_BYTES = 8 * 1024**3
"""Packed and unpacked, each: an adapter of rank 512 to a model of 70 billion parameters has less."""


class RegistryRefusedError(Exception):
    """No allowed registry or repository has an image of that name."""


class AdapterRegistries:
    """``allowed`` are registries, or repositories and what lies below them: ``ghcr.io/team``."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = tuple(each.rstrip("/") for each in allowed)

    @contextmanager
    def pulled(self, image: str) -> Iterator[Path]:
        """Yield a directory with the adapter of ``oci://…``. Every digest is checked; only safetensors are accepted.

        Logins are those of the process' Docker config. Raises RegistryRefusedError, and LLMwrightError as ``pull``.
        """
        # Late: a server without hot adapters needs no client of registries.
        from llmwright.artifacts.addresses import SourceRules
        from llmwright.artifacts.credentials import find_credentials
        from llmwright.artifacts.image_pull import pull
        from llmwright.artifacts.image_reference import parse_reference

        reference = parse_reference(image.removeprefix(SCHEME))
        if not any(f"{reference.name}/".startswith(f"{each}/") for each in self._allowed):
            raise RegistryRefusedError(", ".join(self._allowed))
        with tempfile.TemporaryDirectory(prefix="llmwright-adapter-") as folder:
            place = Path(folder).resolve() / "adapter"
            logins, rules = find_credentials(reference.name), SourceRules().naming_host(reference.host)
            pull(str(reference), place, logins, sources=rules, max_bytes=MOST_BYTES, check=_check_adapter)
            yield place


def _check_adapter(data: Path, what: str) -> None:
    """Refuse an image that is no adapter, or has weights that loading would run (pickle)."""
    if not (data / ADAPTER_CONFIG).is_file():
        hint = "the directory data/ of its layers holds adapter_config.json and adapter_model.safetensors"
        raise ConfigError(f"{what} is no adapter: it has no {ADAPTER_CONFIG}", hint=hint, reason="NoAdapter")
    check_adapter_weights(data, what)

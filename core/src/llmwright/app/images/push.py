"""Built images to a registry, each with its papers as referrers, by this project's own client."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from llmwright.app.images.engines import Engine
from llmwright.app.images.papers import (
    CYCLONEDX,
    IN_TOTO,
    bill_in_registry,
    paper_paths,
    provenance_in_registry,
    told_of,
    write_paper,
)
from llmwright.app.images.recipes import Recipe
from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import find_credentials
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_manifest import Image, read_object
from llmwright.artifacts.image_push import check_push, push, push_image
from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.artifacts.layout import layout_image
from llmwright.artifacts.referrers import list_referrers, referrer
from llmwright.errors import ConfigError
from llmwright.values.image_names import mirrored

if TYPE_CHECKING:
    from llmwright.app.session import Session


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry: its role, its name by tag and its name by digest."""

    role: str
    image: str
    by_digest: str
    referrers: int


def check(session: Session, recipe: Recipe, registry: str, engine: Engine, papers: Path) -> str:
    """Return the name that the image gets, once it is built and may be pushed there.

    Raises:
        ConfigError: it is not built, its papers are another image's, the name is none, or the registry refuses.
    """
    hint = f"llmwright images build {recipe.role}"
    if not engine.exists(recipe.image):
        raise ConfigError(f"{engine.name} has no image {recipe.image}", hint=hint, reason="ImageNotBuilt")
    _, statement = paper_paths(papers, recipe.role)
    if statement.is_file() and engine.digest(recipe.image) not in told_of(_read(statement)):
        text = f"{statement} is about another build than the image {recipe.image} of {engine.name}"
        raise ConfigError(text, hint=f"{hint}, or name the folder of this build by --papers", reason="OtherBuild")
    name = parse_reference(mirrored(recipe.image, registry))
    check_push(str(name), find_credentials(name.name, session.settings.docker_config), sources=_rules(session))
    return str(name)


def push_built(
    session: Session, recipe: Recipe, target: str, engine: Engine, papers: Path, progress: Progress | None
) -> Pushed:
    """Push one image and its papers to the name ``target``. Raises ConfigError, TargetError."""
    name = parse_reference(target)
    logins = find_credentials(name.name, session.settings.docker_config)
    with tempfile.TemporaryDirectory(prefix="llmwright-push-") as folder:
        layout = Path(folder) / "image"
        engine.save(recipe.image, layout)
        digest = push(layout, target, logins, sources=_rules(session), progress=progress)
        size = len(layout_image(layout).content)
        subject = Reference(name.registry, name.repository, digest=digest)
        attached = [
            _Paper(path, referrer(kind, path, digest, size))
            for kind, path in _papers_of(subject, papers, recipe.role, Path(folder))
        ]
        for paper in attached:
            place = str(Reference(name.registry, name.repository, digest=paper.image.digest))
            push_image(paper, place, logins, sources=_rules(session))
    if attached:
        list_referrers(subject, logins, [paper.image for paper in attached], sources=_rules(session))
    return Pushed(recipe.role, target, f"{name.name}@{digest}", len(attached))


def _papers_of(subject: Reference, papers: Path, role: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the papers, as they speak of the image in the registry, into ``folder``; yield type and path of each."""
    kinds = ((CYCLONEDX, bill_in_registry), (IN_TOTO, provenance_in_registry))
    for (kind, named), path in zip(kinds, paper_paths(papers, role), strict=True):
        if path.is_file():
            write_paper(folder / path.name, named(_read(path), subject.name, subject.digest))
            yield kind, folder / path.name


def _read(paper: Path) -> dict[str, Any]:
    return read_object(paper.read_bytes(), str(paper))


@dataclass(frozen=True, slots=True)
class _Paper:
    """A paper as an image that can be pushed: one layer, and OCI's empty config."""

    path: Path
    image: Image

    @property
    def what(self) -> str:
        return str(self.path)

    @contextmanager
    def opened(self, blob: object) -> Iterator[IO[bytes]]:
        if blob == self.image.config:
            yield io.BytesIO(b"{}")
            return
        with self.path.open("rb") as file:
            yield file


def _rules(session: Session) -> SourceRules:
    return SourceRules(session.settings.sources.allow)

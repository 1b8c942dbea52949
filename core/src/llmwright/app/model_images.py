"""Models to registries and back: which weights, under which licence, by which logins."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential, find_credentials
from llmwright.artifacts.download import Progress
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push_image
from llmwright.artifacts.image_reference import parse_reference
from llmwright.artifacts.model_image import ModelCard, ModelImage, check_model, model_image
from llmwright.artifacts.pull_room import LASTING
from llmwright.artifacts.pulled_image import NOTE
from llmwright.catalogue.licences import CARD, licence_of_card, may_be_copied
from llmwright.catalogue.model_description import cached_snapshot
from llmwright.catalogue.model_directory import named_directory, names_a_directory
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.values.preset import Preset

SCHEME = "oci://"
HUB = "hf://"
_LEFT_ASIDE = frozenset({LASTING, NOTE, "lost+found"})


@dataclass(frozen=True, slots=True)
class ModelToPush:
    """A model on this machine: its directory, what its image says of it, and where the licence stands."""

    directory: Path
    card: ModelCard
    licence_place: str


def image_name(reference: str) -> str:
    """Return the image's name in ``oci://NAME``. Raises ConfigError."""
    if not reference.startswith(SCHEME):
        text = f"{reference[:200]!r} is no address of an image"
        raise ConfigError(text, hint=f"write {SCHEME}REGISTRY/REPOSITORY:TAG", reason="InvalidReference")
    return str(parse_reference(reference.removeprefix(SCHEME)))


def model_to_push(session: Session, model: str, license_: str, progress: Progress | None) -> ModelToPush:
    """Return the model that ``model`` names, a preset, ``ORG/NAME`` of the hub or a directory, with its licence.

    Its licence is judged before its weights are fetched from the hub, where they are not in the hub's cache.

    Raises:
        ConfigError: there is no such model, or it may not be pushed as far as is known.
        TargetError: the hub cannot be reached.
    """
    if names_a_directory(model) or Path(model).is_dir():
        return _licensed(_of_directory(session, named_directory(model)), license_)
    preset = session.preset(model)
    scheme, _, place = preset.source.partition("://")
    if scheme == "file":
        here = _of_directory(session, Path(unquote(urlsplit(preset.source).path)))
        return _licensed(replace(here, card=_card(preset, here.card.license)), license_)
    if scheme == "oci":
        hint = f"copy it: skopeo copy docker://{place} docker://REGISTRY/REPOSITORY:TAG"
        raise ConfigError(f"the weights of {preset.name} lie in an image already: {preset.source}", hint=hint)
    model_of_hub = ModelToPush(Path(), _card(preset), f"https://huggingface.co/{place}")
    card = _licensed(model_of_hub, license_).card
    return replace(model_of_hub, directory=_snapshot(session, preset, place, progress), card=card)


def _licensed(model: ModelToPush, stated: str) -> ModelToPush:
    return replace(model, card=replace(model.card, license=check_licence(model, stated)))


def check_licence(model: ModelToPush, stated: str) -> str:
    """Return the licence under which the model is pushed.

    Args:
        stated: the name that the user wrote down, empty where they wrote none.

    Raises:
        ConfigError: it is not known to let everybody hand on copies, and the user did not state it; or they state
            another than the model's.
    """
    known, name = model.card.license, model.card.name
    if stated and known and stated.lower() != known.lower():
        text = f"{name} is under the licence {known}, and not {stated} ({model.licence_place})"
        raise ConfigError(text, hint=f"read it there, then write --license {known}", reason="LicenceDiffers")
    if stated or may_be_copied(known):
        return known or stated
    if not known:
        text = f"nothing says under which licence {name} is: {model.licence_place} names none"
        hint = "write --license NAME, once you know that you may hand on copies"
        raise ConfigError(text, hint=hint, reason="LicenceUnknown")
    text = f"the licence {known} of {name} does not let everybody hand on copies: see {model.licence_place}"
    hint = f"write --license {known} if its conditions let you push it there"
    raise ConfigError(text, hint=hint, reason="LicenceForbids")


def read_model(session: Session, model: ModelToPush, reference: str, progress: Progress | None) -> ModelImage:
    """Return the image of the model, to be pushed to ``reference``; ``progress`` gets the bytes that were read.

    Raises ConfigError for what is no whole model, and PushDenied.
    """
    name = image_name(reference)
    # The right to push before the reading: a refusal after minutes of hashing helps nobody.
    check_push(name, _logins(session, name), sources=SourceRules(session.settings.sources.allow))
    return model_image(model.directory, model.card, progress)


def push(session: Session, image: ModelImage, reference: str, progress: Progress | None) -> str:
    """Push the image and return its name by digest, ``oci://…@sha256:…``.

    Raises what ``image_push.push_image`` raises.
    """
    name, rules = image_name(reference), SourceRules(session.settings.sources.allow)
    digest = push_image(image, name, _logins(session, name), sources=rules, progress=progress)
    return f"{SCHEME}{parse_reference(name).name}@{digest}"


def pull_model(session: Session, reference: str, directory: Path, progress: Progress | None) -> str:
    """Pull the model's image into ``directory`` and return its name by digest.

    The registry must be allowed as a source of downloads is. What an earlier pull of it left there is used.

    Raises what ``image_pull.pull`` raises, and ConfigError for a directory that holds something else.
    """
    name = image_name(reference)
    _refuse_occupied(directory)
    digest = pull(
        name,
        directory,
        _logins(session, name),
        sources=SourceRules(session.settings.sources.allow),
        progress=progress,
        resumable=True,
        check=check_model,
    )
    return f"{SCHEME}{parse_reference(name).name}@{digest}"


def _of_directory(session: Session, directory: Path) -> ModelToPush:
    preset = session.preset(directory.as_uri())
    card = ModelCard(name=directory.name, license=licence_of_card(directory))
    return ModelToPush(directory, ModelCard(name=preset.name, license=card.license), str(directory / CARD))


def _card(preset: Preset, license_: str = "") -> ModelCard:
    place = preset.source.removeprefix(HUB)
    from_hub = place != preset.source
    return ModelCard(
        name=preset.name,
        license=preset.license or license_,
        source=f"https://huggingface.co/{place}" if from_hub else "",
        revision=preset.revision if from_hub else "",
    )


def _snapshot(session: Session, preset: Preset, repository: str, progress: Progress | None) -> Path:
    """Return the directory of the preset's weights in the hub's cache, fetched where they are not there."""
    from llmwright.artifacts.hub_snapshot import fetch_snapshot

    sources = SourceRules(session.settings.sources.allow)
    try:
        return fetch_snapshot(repository, preset.revision, sources=sources, progress=progress)
    except ConfigError as error:
        there = cached_snapshot(repository, preset.revision, os.environ)
        if error.reason != "NotInstalled" or there is None:
            raise
        return there


def _logins(session: Session, name: str) -> tuple[Credential, ...]:
    return find_credentials(parse_reference(name).name, session.settings.docker_config)


def _refuse_occupied(directory: Path) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise ConfigError(f"{directory} is a file", hint="give a directory, which need not exist")
    entries = {entry.name for entry in directory.iterdir()}
    if entries & {LASTING, NOTE}:
        return
    if entries - _LEFT_ASIDE:
        shown = sorted(entries - _LEFT_ASIDE)[0]
        text = f"{directory} is not empty: it holds {shown}, and no model that was pulled"
        raise ConfigError(text, hint="give another directory", reason="NotEmpty")

"""Where data comes from and where results go: URLs, images, volumes."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.workspace import DataDestination, DataSource
from llmwright.check.check_input import CheckInput
from llmwright.check.placeholders import fill_placeholders
from llmwright.errors import Problem


def source_problems(inputs: CheckInput, path: str, source: DataSource) -> Iterator[Problem]:
    """Exactly one of URLs, image and volume, each of which can be used."""
    yield from url_problems(inputs, path, source)
    yield from image_problems(inputs, f"{path}.image", source.image)
    sources = [bool(source.urls), bool(source.image), source.volume_source is not None]
    if sum(sources) == 1:
        return
    if sum(sources) == 0:
        yield Problem(path, "says nowhere what to read", "write one of urls, image, volumeSource", reason="Required")
    else:
        yield Problem(path, "more than one of urls, image and volumeSource", "keep one", reason="Conflict")


def url_problems(inputs: CheckInput, path: str, source: DataSource) -> Iterator[Problem]:
    """URLs that cannot or must not be read."""
    judge = inputs.policy.url_problem
    for index, url in enumerate(source.urls):
        wrong = judge(url) if judge else None
        if wrong:
            yield Problem(f"{path}.urls[{index}]", wrong, reason="BadUrl")


def image_problems(inputs: CheckInput, path: str, image: str, *, reason: str = "BadImage") -> Iterator[Problem]:
    """An image's name that no registry takes; placeholders pass here and are reported by themselves."""
    judge = inputs.policy.image_problem
    wrong = judge(fill_placeholders(image)) if image and judge else None
    if wrong:
        yield Problem(path, wrong, "for example registry.example.com/team/name:1", reason=reason)


def destination_problems(inputs: CheckInput, path: str, output: DataDestination) -> Iterator[Problem]:
    """Exactly one of image and volume; an image needs the right to push it."""
    yield from image_problems(inputs, f"{path}.image", output.image)
    if output.image and not output.image_push_secret and inputs.on_cluster:
        hint = "name a Secret of type kubernetes.io/dockerconfigjson"
        yield Problem(f"{path}.imagePushSecret", "is required to push the image", hint, reason="Required")
    sources = [bool(output.image), output.volume_source is not None]
    if all(sources):
        yield Problem(path, "both image and volumeSource are there", "keep one", reason="Conflict")
    if not any(sources) and inputs.on_cluster:
        yield Problem(path, "says nowhere where to write", "write image or volumeSource", reason="Required")

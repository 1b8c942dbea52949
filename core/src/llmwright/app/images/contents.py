"""The packages in an image, as the image itself tells them: distributions of Python, and packages of Debian."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmwright.app.images.engines import Engine

_QUESTIONS = Path(__file__).parent / "in_image.py"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution; ``license`` is the name that it gives itself, which may be empty."""

    name: str
    version: str
    license: str = ""
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """Distributions of Python, packages of the system, and what the system calls itself."""

    distributions: tuple[Distribution, ...]
    packages: tuple[Distribution, ...]
    system: tuple[str, str]


def read_contents(engine: Engine, image: str) -> Contents:
    """Ask the image. Raises TargetError."""
    return parse_contents(json.loads(ask_python(engine, image, _QUESTIONS.read_text())))


def ask_python(engine: Engine, image: str, program: str, *arguments: str) -> str:
    """Run a program with the image's Python and return what it printed. Raises TargetError."""
    return engine.ask(image, ("python3", "-c", program, *arguments))


def parse_contents(answer: dict[str, Any]) -> Contents:
    """Return the image's answer as values."""
    return Contents(
        distributions=tuple(_distribution(part) for part in answer["distributions"]),
        packages=tuple(_distribution(part) for part in answer["packages"]),
        system=(answer["system"][0], answer["system"][1]),
    )


def _distribution(part: dict[str, Any]) -> Distribution:
    return Distribution(part["name"], part["version"], part.get("license", ""), tuple(part.get("requires", ())))

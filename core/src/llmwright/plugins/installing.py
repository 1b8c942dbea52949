"""The command that installs what is missing: from an index, or from where this program itself was installed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

_CORE = "llmwright"
_FOLDERS = {_CORE: "core", "llmwright-presets": "presets"}
_PARTS = re.compile(r"([\w.-]+)(?:\[(.*)\])?")
_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")


def pip_install(requirement: str) -> str:
    """Return the command that installs ``requirement``, such as ``llmwright-runtime-hf[serve]``.

    It names files where packages of this project are missing and the program itself came from files: wheels, or a
    clone. An index may then have no such package, or one that a stranger put there.
    """
    origin, missing = _origin(), [*_missing(requirement)]
    wanted = f"'{requirement}'"
    if origin is None or not missing:
        return f"pip install {wanted}"
    if origin.suffix == ".whl":
        here = all(any(origin.parent.glob(f"{name.replace('-', '_')}-*.whl")) for name in missing)
        return f"pip install {shlex.quote(str(origin.parent))}/*.whl {wanted}" if here else f"pip install {wanted}"
    folders = {name: origin.parent / _folder(name) for name in missing}
    if not all((folder / "pyproject.toml").is_file() for folder in folders.values()):
        return f"pip install {wanted}"
    name, extras = _parts(requirement)
    asked = f"[{','.join(extras)}]" if extras else ""
    projects = [f"-e '{folder}{asked if each == name else ''}'" for each, folder in folders.items()]
    return " ".join(["pip install", *projects, *([] if name in folders else [wanted])])


def _missing(requirement: str) -> Iterator[str]:
    """Yield the packages of this project that ``requirement`` needs and that are not installed."""
    name, extras = _parts(requirement)
    if not name.startswith(_CORE):
        return
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:
        yield name
        return
    for line in lines:
        needed, extra = _parts(line)[0], _EXTRA.search(line)
        if extra is not None and extra[1] in extras and needed.startswith(f"{_CORE}-"):
            yield from _missing(needed)


def _parts(requirement: str) -> tuple[str, tuple[str, ...]]:
    match = _PARTS.match(requirement)
    assert match is not None, requirement
    return match[1], tuple(filter(None, (match[2] or "").split(",")))


def _folder(name: str) -> str:
    """Return where a clone has the project of that name."""
    return _FOLDERS.get(name) or f"plugins/{name.removeprefix(f'{_CORE}-').replace('-', '_')}"


def _origin() -> Path | None:
    """Return the wheel, or the folder of a clone, that this program was installed from; None for an index."""
    try:
        about = read_json(distribution(_CORE).read_text("direct_url.json") or "null")
    except (PackageNotFoundError, Unreadable):
        return None
    url = urlsplit(str(about.get("url"))) if isinstance(about, dict) else None
    path = Path(unquote(url.path)) if url is not None and url.scheme == "file" else None
    return path if path is not None and path.exists() else None

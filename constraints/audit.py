"""Audit of the releases in ``uv.lock``: by ``uv audit``, and against the advisories that are pinned beside this file.

``uv audit`` asks OSV. A machine that reaches a package index alone has the pinned list, which says its date.
``--refresh`` writes the list again from OSV.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PINNED = ROOT / "constraints" / "advisories.toml"
SERVICE = "https://api.osv.dev"
UNREACHABLE = "error sending request"
"""The words of ``uv audit`` where its service does not answer."""


@dataclass(frozen=True, slots=True, order=True)
class Advisory:
    """One range of releases of a package with a known weakness: ``affected`` is a version specifier (PEP 440)."""

    id: str
    package: str
    affected: str

    def hits(self, version: str) -> bool:
        """Whether the release has the weakness."""
        return SpecifierSet(self.affected).contains(version, prereleases=True)


def locked(lock: Path) -> dict[str, set[str]]:
    """Return the releases of each package that comes from an index."""
    releases: dict[str, set[str]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        if "registry" in package["source"]:
            releases.setdefault(canonicalize_name(package["name"]), set()).add(package["version"])
    return releases


def pinned(path: Path) -> tuple[str, list[Advisory]]:
    """Return the date of the list, and its advisories."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = document["advisory"]
    return document["date"], [Advisory(entry["id"], entry["package"], entry["affected"]) for entry in entries]


def matches(releases: Mapping[str, set[str]], advisories: Iterable[Advisory]) -> list[str]:
    """Return a line for each release that an advisory names."""
    return [
        f"{advisory.package} {version}: {advisory.id} (affected: {advisory.affected})"
        for advisory in sorted(advisories)
        for version in sorted(releases.get(advisory.package, ()))
        if advisory.hits(version)
    ]


def of_osv(record: Mapping[str, Any], packages: Iterable[str]) -> Iterator[Advisory]:
    """Yield the ranges of one record of OSV (schema 1.6) that are about one of ``packages``."""
    known = set(packages)
    for affected in () if record.get("withdrawn") else record.get("affected", ()):
        package = canonicalize_name(affected["package"]["name"])
        if affected["package"]["ecosystem"] != "PyPI" or package not in known:
            continue
        for versions in affected.get("ranges", ()):
            if versions["type"] == "ECOSYSTEM":
                yield from (Advisory(record["id"], package, part) for part in _specifiers(versions["events"]))


def _specifiers(events: Iterable[Mapping[str, str]]) -> Iterator[str]:
    start = ""
    for event in events:
        if "introduced" in event:
            start = "" if event["introduced"] == "0" else f">={event['introduced']},"
        elif "fixed" in event:
            yield f"{start}<{event['fixed']}"
            start = ""
        elif "last_affected" in event:
            yield f"{start}<={event['last_affected']}"
            start = ""
    if start:
        yield start.rstrip(",")


def refresh(service: str, lock: Path, path: Path) -> int:
    """Write the list again from OSV, and return the number of its advisories."""
    import httpx

    packages = sorted(locked(lock))
    found: set[Advisory] = set()
    with httpx.Client(timeout=60) as client:
        for package in packages:
            for record in _records(client, service, package):
                found |= set(of_osv(record, [package]))
    lines = [
        "# Made by `make advisories` from OSV (https://osv.dev): every known advisory against the packages of uv.lock.",
        f'date = "{datetime.now(UTC):%Y-%m-%d}"',
        "complete = true",
    ]
    for advisory in sorted(found):
        fields = (f'{key} = "{getattr(advisory, key)}"' for key in ("id", "package", "affected"))
        lines += ["", "[[advisory]]", *fields]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(found)


def _records(client: Any, service: str, package: str) -> Iterator[Mapping[str, Any]]:
    page = ""
    while True:
        query = {"package": {"name": package, "ecosystem": "PyPI"}} | ({"page_token": page} if page else {})
        answer = client.post(f"{service}/v1/query", json=query).raise_for_status().json()
        yield from answer.get("vulns", ())
        page = answer.get("next_page_token", "")
        if not page:
            return


def audit(service: str, lock: Path, path: Path) -> int:
    """Print what is known against the locked releases, and return 1 where something is."""
    date, advisories = pinned(path)
    lines = matches(locked(lock), advisories)
    print("\n".join([*lines, f"{len(lines)} of {len(advisories)} advisories pinned on {date} are about uv.lock"]))
    asked = run(
        [
            sys.executable,
            "-m",
            "uv",
            "audit",
            "--frozen",
            "--preview-features",
            "audit-command",
            "--service-url",
            service,
        ],
        cwd=lock.parent,
        check=False,
        capture_output=True,
        text=True,
    )
    if asked.returncode and UNREACHABLE in asked.stderr:
        print(f"{service} cannot be reached: the pinned list alone was asked")
        return 1 if lines else 0
    print(asked.stdout + asked.stderr)
    return 1 if lines or asked.returncode else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refresh", action="store_true", help="write the pinned list again from OSV")
    parser.add_argument("--service", default=SERVICE, help="address of the advisory service")
    options = parser.parse_args(arguments)
    if options.refresh:
        print(f"{refresh(options.service, ROOT / 'uv.lock', PINNED)} advisories")
        return 0
    return audit(options.service, ROOT / "uv.lock", PINNED)


if __name__ == "__main__":
    sys.exit(main())

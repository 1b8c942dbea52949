"""Prints as JSON what is installed where it runs: in an image, whose Python need not have this package."""

import json
import re
from importlib.metadata import Distribution, distributions
from pathlib import Path


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _license(found: Distribution) -> str:
    """Return the short name that a distribution gives its licence, else what its classifiers say."""
    fields = [name for name in ("License-Expression", "License") if name in found.metadata]
    written = next((found.metadata[name] for name in fields if found.metadata[name]), "")
    if written and len(written) < 80 and "\n" not in written:
        return written
    classifiers = found.metadata.get_all("Classifier") or ()
    return ", ".join(line.rsplit("::", 1)[-1].strip() for line in classifiers if line.startswith("License ::"))


def _requires(found: Distribution) -> list[str]:
    """Return the names of what it needs always."""
    lines = (line for line in found.requires or () if "extra ==" not in line)
    return sorted({_name(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in lines})


def _python() -> list[dict[str, object]]:
    listed: dict[str, dict[str, object]] = {}
    for found in distributions():
        if "Name" not in found.metadata:
            continue  # left behind by an installation that broke off
        name = _name(found.metadata["Name"])
        listed[name] = {
            "name": name,
            "version": found.version,
            "license": _license(found),
            "requires": _requires(found),
        }
    return [listed[name] for name in sorted(listed)]


def _system() -> tuple[str, str]:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return "unknown", ""
    words = dict(line.split("=", 1) for line in lines if "=" in line)
    return words.get("ID", "unknown").strip('"'), words.get("VERSION_ID", "").strip('"')


def _packages() -> list[dict[str, object]]:
    try:
        text = Path("/var/lib/dpkg/status").read_text()
    except OSError:
        return []
    parts = (dict(re.findall(r"^(Package|Version|Status): (.*)$", part, re.MULTILINE)) for part in text.split("\n\n"))
    return [
        {"name": part["Package"], "version": part["Version"]}
        for part in parts
        if part.get("Status", "").endswith(" installed")
    ]


if __name__ == "__main__":
    print(json.dumps({"distributions": _python(), "packages": _packages(), "system": _system()}))

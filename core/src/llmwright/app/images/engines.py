"""The programs that build images: buildah, podman or docker, whichever is there, and what each is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llmwright.errors import ConfigError, TargetError

ENGINES = ("buildah", "podman", "docker")


@dataclass(frozen=True, slots=True)
class Build:
    """One build: a container file, its context, the image's name, and the time that all of its files get."""

    containerfile: Path
    context: Path
    image: str
    arguments: Mapping[str, str]
    epoch: int
    cached: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """One of the programs; ``isolation`` is buildah's own word for how a step is run."""

    name: str
    isolation: str | None = None

    def build(self, build: Build) -> None:
        """Build the image; what the program says goes to stderr. Raises TargetError."""
        arguments = [part for key, value in build.arguments.items() for part in ("--build-arg", f"{key}={value}")]
        fixed = ["-t", build.image, "-f", str(build.containerfile), *arguments]
        self._run([*self._build_words(build), *fixed, str(build.context)], shown=True)

    def digest(self, image: str) -> str:
        """Return the digest of an image's configuration, which names all of its layers. Raises TargetError."""
        if self.name == "buildah":
            found = json.loads(self._run(["inspect", "--type", "image", image]))["FromImageID"]
        else:
            found = json.loads(self._run(["image", "inspect", image]))[0]["Id"]
        return f"sha256:{found.removeprefix('sha256:')}"

    def ask(self, image: str, argv: Iterable[str]) -> str:
        """Run one command in the image, and return what it printed. Raises TargetError."""
        if self.name != "buildah":
            # crun does not run on every machine where podman's default is it; runc does.
            runtime = ["--runtime", "runc"] if self.name == "podman" and shutil.which("runc") else []
            return self._run([*runtime, "run", "--rm", "--network", "none", "--entrypoint", "", image, *argv])
        container = self._run(["from", "--pull-never", image]).strip()
        try:
            return self._run(["run", *self._isolated(), container, "--", *argv])
        finally:
            self._run(["rm", container])

    def save(self, image: str, folder: Path) -> None:
        """Write the image as an OCI layout into a new folder. Raises TargetError."""
        if self.name == "docker":
            archive = folder.with_suffix(".tar")
            self._run(["save", "-o", str(archive), image])
            shutil.unpack_archive(archive, folder)
            archive.unlink()
            return
        self._run(["push", "-q", image, f"oci:{folder}:image"])

    def exists(self, image: str) -> bool:
        """Return whether the image is there."""
        words = ["inspect", "--type", "image", image] if self.name == "buildah" else ["image", "inspect", image]
        return subprocess.run([self.name, *words], capture_output=True, check=False).returncode == 0

    def _build_words(self, build: Build) -> list[str]:
        if self.name == "docker":
            output = f"type=docker,rewrite-timestamp=true,name={build.image}"
            fresh = [] if build.cached else ["--no-cache"]
            return ["buildx", "build", "--output", output, "--build-arg", f"SOURCE_DATE_EPOCH={build.epoch}", *fresh]
        cache = ["--layers"] if build.cached else ["--layers", "--no-cache"]
        label = ["--identity-label=false"] if self.name == "buildah" else []
        return ["build", *self._isolated(), *cache, *label, "--timestamp", str(build.epoch)]

    def _isolated(self) -> list[str]:
        return ["--isolation", self.isolation] if self.isolation else []

    def _run(self, words: list[str], *, shown: bool = False) -> str:
        out = sys.stderr if shown else subprocess.PIPE
        kept = None if shown else subprocess.PIPE
        done = subprocess.run([self.name, *words], stdout=out, stderr=kept, text=True, check=False)
        if done.returncode:
            last = "" if shown else ": " + " ".join((done.stderr or done.stdout).split())[-300:]
            raise TargetError(f"{self.name} {words[0]} ended with code {done.returncode}{last}", reason="EngineFailed")
        return done.stdout or ""


def find_engine(name: str | None, isolation: str | None) -> Engine:
    """Return the program ``name``, else the first that is installed. Raises ConfigError."""
    for candidate in [name] if name else ENGINES:
        if shutil.which(candidate):
            return Engine(candidate, isolation)
    text = f"{name} is not installed" if name else f"none of {', '.join(ENGINES)} is installed"
    raise ConfigError(text, hint="install one of them: any builds the same image", reason="NoImageEngine")

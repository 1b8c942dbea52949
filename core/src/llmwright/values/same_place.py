"""The commands that messages propose, with the options by which they act where their reader acts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamePlace:
    """A place as the user of a command reached it: pasted back, a proposed command goes to the same one.

    Args:
        program: the words by which the command line was started.
        target: what ``--target`` said; empty where it said nothing.
        cluster: the options that name a cluster. kubectl has the same; with one of them a target goes without saying.
        namespace: the one that holds without ``-n``.
    """

    program: str = "llmwright"
    target: str = ""
    cluster: tuple[str, ...] = ()
    namespace: str = "default"

    def command(self, words: str, namespace: str | None = None) -> str:
        """Return the command line of the verb and arguments in ``words``, about Workspaces of ``namespace``."""
        target = ("--target", self.target) if self.target and not self.cluster else ()
        return _line(f"{self.program} {words}", (*target, *self.cluster, *self._namespace(namespace)))

    def kubectl(self, words: str, namespace: str | None = None) -> str:
        """Return the command line of kubectl with ``words``, about objects of ``namespace``."""
        return _line(f"kubectl {words}", (*self.cluster, *self._namespace(namespace)))

    def _namespace(self, namespace: str | None) -> tuple[str, ...]:
        return () if namespace in (None, self.namespace) else ("-n", str(namespace))


def cluster_options(kubeconfig: object | None, context: str | None) -> tuple[str, ...]:
    """Return the options that name a cluster, as they were given."""
    file = ("--kubeconfig", str(kubeconfig)) if kubeconfig is not None else ()
    return (*file, *(("--context", context) if context is not None else ()))


def _line(words: str, options: tuple[str, ...]) -> str:
    return " ".join((words, *map(shlex.quote, options)))

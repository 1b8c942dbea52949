"""What a container runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from llmwright.targets.kubernetes.manifests.environment import POD_INDEX
from llmwright.targets.kubernetes.manifests.references import escaped, filled
from llmwright.values.launch import Process, Ranks, fill


def command(process: Process, known: dict[str, str], ranks: Ranks | None = None) -> list[str]:
    """The program and its arguments, each as it is; for several machines a shell that tells them apart."""
    if ranks is None:
        return [filled(part, known) for part in process.argv]
    leader, main, worker = (_line(argv, known) for argv in (ranks.leader, process.argv, ranks.worker))
    first = f"{leader} && exec {main}"
    return ["/bin/sh", "-c", escaped(f'if [ "${{{POD_INDEX}}}" = "0" ]; then {first}; else exec {worker}; fi')]


def _line(argv: Sequence[str], known: dict[str, str]) -> str:
    return shlex.join(fill(part, known) for part in argv)

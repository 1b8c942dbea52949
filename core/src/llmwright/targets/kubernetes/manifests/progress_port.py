"""The port at which the processes of a pod tell how far they are; who tells, and what is asked of them."""

from __future__ import annotations

from dataclasses import replace

from llmwright.plugins.progress_server import PORT
from llmwright.plugins.weights import DOWNLOADS
from llmwright.values.launch import Launch, Process

PROGRESS_PORT = 8009
"""Where a process that fetches weights, or tunes, tells its progress. They run one after the other."""


def with_progress_port(launch: Launch, *, tunes: bool = False) -> Launch:
    """Return ``launch`` with the port in the environment of each process that tells its progress.

    Args:
        launch: of a tuning, or of a server with the volume for its weights.
        tunes: whether ``main`` tells its steps.
    """
    prepare = tuple(_told(step) if step.name in DOWNLOADS else step for step in launch.prepare)
    main = _told(launch.main) if tunes or _fetches(launch) else launch.main
    return replace(launch, prepare=prepare, main=main)


def tells_download(launch: Launch) -> bool:
    """Return whether it is worth while to ask a server that starts how far its weights are."""
    return _is_ours(launch) or any(step.name in DOWNLOADS for step in launch.prepare)


def _fetches(launch: Launch) -> bool:
    """Return whether ``main`` itself brings a model of the hub: it has the hub's cache, and no step before fills it."""
    return _is_ours(launch) and "HF_HOME" in launch.main.env


def _is_ours(launch: Launch) -> bool:
    """Return whether ``main`` runs in an image with our own programs: one that nobody else publishes.

    An engine in its publisher's image fetches by its own library, which tells nobody, unless a step does it before.
    """
    return launch.main.image not in launch.images


def _told(process: Process) -> Process:
    return replace(process, env={**process.env, PORT: str(PROGRESS_PORT)})

"""One model over several machines: each runs the engine, the first one serves (vLLM's own multi-node start)."""

from __future__ import annotations

from llmwright.values.fit import Fit
from llmwright.values.launch import Ranks
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.flags import Flags

RENDEZVOUS_PORT = 29500
"""Where the machines meet: the port of torch's distributed processes, which the Service has."""


def refusal(preset: Preset, fit: Fit) -> str | None:
    """Return why a model is not spread over the machines of ``fit``; None where it may be, or there is one."""
    if fit.nodes > 1 and not preset.distributable:
        return f"{preset.name} cannot be spread over {fit.nodes} machines"
    return None


def joined(fit: Fit, *, rank: str) -> Flags:
    """Return the flags by which an engine of ``rank`` finds the others; none for one machine.

    The engine itself waits until all have met: nothing stands before it.
    """
    if fit.nodes == 1:
        return {}
    return {
        "distributed-executor-backend": "mp",
        "nnodes": fit.nodes,
        "node-rank": rank,
        "master-addr": "$(leader)",
        "master-port": RENDEZVOUS_PORT,
        **({} if rank == "0" else {"headless": None}),
    }


def ranks(fit: Fit, worker: tuple[str, ...]) -> Ranks | None:
    """Return the command of each machine but the first, None for one machine."""
    if fit.nodes == 1:
        return None
    return Ranks(count=fit.nodes, leader=(), worker=worker, rendezvous_port=RENDEZVOUS_PORT)

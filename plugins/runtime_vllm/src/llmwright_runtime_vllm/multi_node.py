"""One model over several machines: ray joins them, the first one serves."""

from __future__ import annotations

from llmwright.values.fit import Fit
from llmwright.values.launch import Ranks

RAY_PORT = 6379
PROGRAM = ("$(python)", "-m", "llmwright_runtime_vllm.serve.several")


def ranks(fit: Fit) -> Ranks | None:
    """Return the commands of leader and workers, None for one machine."""
    if fit.nodes == 1:
        return None
    return Ranks(
        count=fit.nodes,
        leader=(*PROGRAM, "leader", f"--ray_cluster_size={fit.nodes}", f"--ray_port={RAY_PORT}"),
        worker=(*PROGRAM, "worker", "--ray_address=$(leader)", f"--ray_port={RAY_PORT}"),
        rendezvous_port=RAY_PORT,
    )

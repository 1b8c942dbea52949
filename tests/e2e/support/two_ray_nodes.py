"""A cluster of two Ray nodes in processes of this machine, and one copy of vLLM over both; run by the Python of
``make ray-llm``. The GPUs are made up: they show where Ray Serve LLM places the workers. The last line has the answers.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from importlib import import_module
from typing import Any

LOOK_S, MOST_S = 0.5, 300
NODE = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": 80 * 2**20}


def main(argv: list[str]) -> None:
    """Serve ``argv`` on the cluster, and print where its workers were placed and what came of it."""
    cluster = import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args=NODE)
    cluster.add_node(**NODE)
    ray, serve = import_module("ray"), import_module("ray.serve")
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    serve.start(proxy_location="Disabled")
    placed: list[dict[str, Any]] = []
    threading.Thread(target=watch, args=(placed,), daemon=True).start()
    try:
        serve.run(import_module("llmwright_runtime_ray.serve.app").build({"argv": argv}), name="llmwright")
        said = "running"
    except RuntimeError:
        deployments = serve.status().applications["llmwright"].deployments
        said = "\n".join(each.message for each in deployments.values())
    failure = import_module("llmwright_runtime_ray.last_words").marked_in(said)
    print(json.dumps({"placed": placed[:1], "said": failure.message if failure else said}), flush=True)


def watch(placed: list[dict[str, Any]]) -> None:
    """Note the first placement of a copy's workers that is carried out: bundle to node."""
    end = time.monotonic() + MOST_S
    while not placed and time.monotonic() < end:
        groups = import_module("ray.util").placement_group_table().values()
        placed += [
            {"bundles": group["bundles"], "nodes": group["bundles_to_node_id"]}
            for group in groups
            if group["state"] == "CREATED"
        ]
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    # Ray's own end takes long, and everything that it has started ends with this process.
    os._exit(0)

"""A cluster on one machine is reached from this machine alone."""

from __future__ import annotations

import os

LOOPBACK_VARIABLE = "LLMWRIGHT_RAY_LOOPBACK"
ENVIRONMENT = {
    # Ray's switch for systems with a firewall that asks: all its servers bind 127.0.0.1.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    LOOPBACK_VARIABLE: "1",
    # vLLM's own for the address at which its processes meet; by itself that of the machine.
    "VLLM_HOST_IP": "127.0.0.1",
}


def keep_to_loopback() -> None:
    """Let the server of this replica for other deployments bind loopback too: Ray 2.60 binds all addresses for it."""
    if os.environ.get(LOOPBACK_VARIABLE) != "1":
        return
    from ray.serve._private import replica

    original = replica.add_port_to_grpc_server

    def add_port(server: object, address: str) -> int:
        return int(original(server, address.replace("[::]", "127.0.0.1")))

    replica.add_port_to_grpc_server = add_port

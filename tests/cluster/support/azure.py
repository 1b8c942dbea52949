"""Azure beside the cluster: the local ARM over HTTPS, whose agent pools become nodes of the real API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import Cloud
from tests.arm.support.node_bridge import ApiServer, NodeBridge
from tests.arm.support.server import ArmServer


@contextmanager
def running_azure(plane: ApiServer) -> Iterator[ArmServer]:
    """Serve a subscription with the cluster ``prod`` (group ``rg``), which is ``plane``; its nodes go at the end.

    ``server.environ()`` is for an operator's process, ``server.cloud`` for faults and for what became of it.
    """
    cloud = Cloud(RealClock(), create_s=1, update_s=0.5, delete_s=0.5, retry_after_s=1)
    cloud.add_cluster()
    with ArmServer(cloud) as server, NodeBridge(cloud, plane).running():
        yield server

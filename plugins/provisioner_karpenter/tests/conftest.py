"""A driver against a fake API server with Karpenter, over HTTP through the generated client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from plugins.provisioner_karpenter.tests.support.fake_karpenter import FakeKarpenter, handler

from llmwright.testing import make_context
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.karpenter_client import Configuration


@pytest.fixture
def world() -> FakeKarpenter:
    return FakeKarpenter()


@pytest.fixture
def workspaces() -> set[tuple[str, str]]:
    """Those that the API server knows."""
    return set()


@pytest.fixture
def driver(world: FakeKarpenter, workspaces: set[tuple[str, str]]) -> Iterator[KarpenterProvisioner]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(world, workspaces))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    configuration = Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")
    configuration.proxy = None
    yield KarpenterProvisioner(make_context(cluster=SimpleNamespace(configuration=configuration)))
    server.shutdown()
    thread.join()
    server.server_close()

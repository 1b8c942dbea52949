"""A driver against a fake API server with Karpenter, over HTTP through the generated client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
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
def driver(world: FakeKarpenter) -> Iterator[KarpenterProvisioner]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(world))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    configuration = Configuration(host=f"http://127.0.0.1:{server.server_address[1]}")
    configuration.proxy = None
    context = make_context(cluster=SimpleNamespace(configuration=configuration))
    yield KarpenterProvisioner(replace(context, name="karpenter"))
    server.shutdown()
    thread.join()
    server.server_close()

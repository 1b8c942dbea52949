"""The example's desk, open for a test, and its plugin as files on ``sys.path``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
PLUGIN = EXAMPLES / "plugins/provisioner_desk"
ENTRY_POINTS = {"llmwright.provisioners.v1": {"desk": "acme_desk.driver:DeskProvisioner"}}


def desk_module() -> Any:
    """Return ``examples/desk/desk.py``, which is in no package."""
    if "acme_desk_cloud" not in sys.modules:
        spec = importlib.util.spec_from_file_location("acme_desk_cloud", EXAMPLES / "desk/desk.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["acme_desk_cloud"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["acme_desk_cloud"]


@contextmanager
def open_desk(host: str = "127.0.0.1", **books: Any) -> Iterator[tuple[Any, str]]:
    """A desk with these books at an address of this machine, and that address."""
    module = desk_module()
    desk = module.Desk(**books)
    server = module.serve(desk, host=host)
    try:
        yield desk, f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()

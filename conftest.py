"""How tests are spread over processes: those of one directory share servers and clusters, and stay together."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One group of ``--dist loadgroup`` for each directory."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(str(item.path.parent)))

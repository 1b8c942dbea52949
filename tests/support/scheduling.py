"""Which tests run in one process, and which begin first, where several processes share a run. A plugin of pytest-xdist.

Its own way, a share of all tests for each process, starts a cluster and tunes the quick start's model in every one, and
leaves the longest tests to the end, where processes wait for each other.
"""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = (
    ("tests/cluster/",),
    tuple(f"tests/e2e/test_{what}.py" for what in ("adapters", "bench", "quickstart", "verbs")),
    ("tests/examples/",),
    ("tests/packaging/",),
    ("plugins/runtime_hf/tests/serve/",),
    ("tests/families/",),
    ("tests/plugins/",),
)
"""Folders and files whose tests share what takes seconds to start: one process runs them all."""

APART = (
    "core/tests/testing/test_mutants.py",
    "tests/e2e/test_crashes.py",
    "tests/simulation/machine/test_schedules.py",
    "tests/simulation/test_mutants.py",
    "tests/simulation/test_schedules.py",
)
"""Files of long tests that share nothing: each test is handed out by itself. Those of any other file stay together."""

FIRST = (
    "tests/cluster/",
    *TOGETHER[1],
    "tests/examples/",
    "tests/e2e/",
    "plugins/tuning_qlora/",
    "tests/packaging/",
    "tests/simulation/",
    "core/tests/testing/",
    "core/tests/targets/local/",
    "plugins/runtime_hf/",
)
"""The longest, in the order of their beginning. Short files fill up the end."""


def group_of(test: str) -> str:
    """Return the group of a test by its node id: the tests of a group run in one process, in their order."""
    for group in TOGETHER:
        if test.startswith(group):
            return group[0]
    return test if test.startswith(APART) else test.partition("::")[0]


def rank_of(test: str) -> int:
    """Return the place of a test's folder among those that begin first; a larger number begins later."""
    return next((rank for rank, folder in enumerate(FIRST) if test.startswith(folder)), len(FIRST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first. A run in one process keeps the order of its arguments."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups. ``--dist`` with another word than ``load`` has pytest-xdist's own way."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    # The order is the collection's: pytest-xdist would sort the groups by their number of tests.
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)

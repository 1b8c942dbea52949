"""The documentation site builds strictly, without a network, and holds every interface that plugins are written for."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest
from tests.support.clone import Clone

from llmwright.plugins import drivers
from llmwright.plugins.registry import HOOKS

LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"?(https?://[^\"\s>]+)")


@pytest.fixture(scope="module")
def site(clone: Clone) -> Path:
    """The site, built."""
    done = clone.run(f"{sys.executable} docs/site/stage.py\n{sys.executable} -m zensical build --strict")
    assert done.returncode == 0, done.stdout + done.stderr
    return clone.tree / "site"


def test_every_driver_method_and_hook_has_its_place(site: Path) -> None:
    page = (site / "docs/reference/drivers/index.html").read_text(encoding="utf-8")
    for driver in (drivers.Driver, drivers.Provisioner, drivers.Runtime, drivers.Tuner):
        for name in (name for name, value in vars(driver).items() if inspect.isfunction(value) and name[0] != "_"):
            assert f'id="llmwright.plugins.drivers.{driver.__name__}.{name}"' in page
    hooks = (site / "docs/reference/hooks/index.html").read_text(encoding="utf-8")
    assert [hook for hook in HOOKS if f'id="llmwright.plugins.hookspecs.{hook}"' not in hooks] == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert {address for page in pages for address in LOADED.findall(page.read_text(encoding="utf-8"))} == set()

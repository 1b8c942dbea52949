"""The site's contents: each page of ``docs/`` is found from its menu, and each interface is in the reference."""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.meta.test_interfaces import NAMES


def test_each_page_is_in_the_menu(root: Path) -> None:
    text = (root / "mkdocs.yml").read_text()
    assert yaml.safe_load(text)["site_name"] == "LLMwright"
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    lost = [page.relative_to(root).as_posix() for page in pages if f" {page.relative_to(root)}\n" not in text]
    assert lost == [], "add each to `nav` in mkdocs.yml"


def test_each_interface_is_in_the_reference(root: Path) -> None:
    """A module that plugins may import is on a page; ``hookimpl`` is told in the text of the page on hooks."""
    text = "\n".join(file.read_text() for file in (root / "docs/reference").glob("*.md"))
    assert [module for module in sorted(NAMES.keys() - {"llmwright.plugins"}) if f"::: {module}\n" not in text] == []

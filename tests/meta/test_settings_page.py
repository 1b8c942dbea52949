"""docs/settings.md has every setting with its default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from llmwright.settings import model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `([A-Za-z.]+)` \| `([^`]*)` \|", re.MULTILINE)


def defaults(part: model.SettingsModel, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting by its name in YAML, with its default as JSON."""
    for field, info in type(part).model_fields.items():
        name, value = f"{path}{info.alias}", getattr(part, field)
        if isinstance(value, model.SettingsModel):
            yield from defaults(value, f"{name}.")
        else:
            yield name, json.dumps(value)


def test_each_setting_stands_there_once_with_its_default() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert sorted(rows) == sorted(defaults(model.Settings()))

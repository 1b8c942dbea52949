"""A preset as it is shown is a file of a pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.pack import PackFile
from llmwright.catalogue.preset_file import as_family
from llmwright.plugins.registry import Registry


def test_every_preset_can_be_put_into_another_pack(tmp_path: Path) -> None:
    presets = Catalogue.of_plugins(Registry().hooks()).presets()
    assert len(presets) > 50
    files = []
    for number, preset in enumerate(presets):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump(as_family(preset), sort_keys=False, allow_unicode=True))
    again = Catalogue([PackFile(file, "acme-presets 1.0") for file in files], [])
    assert [*again.problems()] == []
    wanted = {each.name: replace(each, origin="", family=each.family or each.name) for each in presets}
    assert {each.name: replace(each, origin="") for each in again.presets()} == wanted

"""The packaged catalogue, and the function that plans a Workspace with it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import HERE, NO_SETTINGS, PLAIN, Planned, workspace

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.pack import PackFile
from llmwright.plan.make import make_plan
from llmwright.plugins.datapack import DataPack
from llmwright.plugins.driver_set import DriverSet
from llmwright.settings.model import Settings
from llmwright.values.plan import Plan, Target


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    pack = DataPack("llmwright_presets")
    presets, types = ([PackFile(path, "here") for path in files] for files in (pack.presets(), pack.instance_types()))
    return Catalogue(presets, types)


@pytest.fixture
def planned(catalogue: Catalogue) -> Planned:
    """``planned(tuning=…)`` on this machine; ``planned(sku=…, inference=…)`` on a cluster."""

    def plan(
        settings: Settings = NO_SETTINGS, drivers: DriverSet = PLAIN, sku: str | None = None, **parts: Any
    ) -> Plan:
        machine, files, nodes = parts.pop("machine", None), parts.pop("files", {}), parts.pop("nodes", None)
        names = parts.pop("data_names", None)
        target: Target = "kubernetes" if sku is not None else parts.pop("target", "local")
        if sku:
            parts["resource"] = {"instanceType": sku, **parts.get("resource", {})}
        return make_plan(
            workspace(**parts),
            catalogue=catalogue,
            drivers=drivers,
            settings=settings,
            target=target,
            machine=machine or (HERE if target == "local" else None),
            config_files=files,
            nodes=nodes,
            data_names=names,
        )

    return plan

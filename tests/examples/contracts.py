"""The examples keep the contracts; run by the tests inside the environment that they are installed in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from acme_desk.driver import DeskProvisioner
from acme_runtime_plain.driver import PlainRuntime
from acme_tuner_last_layers.driver import LastLayersTuner

from llmwright.testing import (
    PresetPackContract,
    ProvisionerContract,
    RuntimeContract,
    TunerContract,
    World,
    make_context,
)

sys.path.insert(0, os.environ["EXAMPLE_DESK"])
from desk import Desk, serve


class TestPlainRuntime(RuntimeContract):
    @pytest.fixture
    def driver(self) -> PlainRuntime:
        return PlainRuntime(make_context())


class TestLastLayersTuner(TunerContract):
    @pytest.fixture
    def driver(self) -> LastLayersTuner:
        return LastLayersTuner(make_context())


class DeskWorld(World):
    """The desk, and its driver's view of it."""

    def __init__(self, driver: DeskProvisioner, desk: Any) -> None:
        super().__init__()
        self.driver, self.desk = driver, desk

    def snapshot(self) -> Any:
        """Machines that were rented by now run."""
        return self.driver.refresh(self.scope)


class TestDeskProvisioner(ProvisionerContract):
    @pytest.fixture
    def books(self) -> Iterator[tuple[Any, str]]:
        desk = Desk(boot_s=0.0, capacity=2000)
        server = serve(desk)
        yield desk, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        server.server_close()

    @pytest.fixture
    def driver(self, books: tuple[Any, str]) -> DeskProvisioner:
        return DeskProvisioner(make_context(settings={"url": books[1]}))

    @pytest.fixture
    def world(self, driver: DeskProvisioner, books: tuple[Any, str]) -> DeskWorld:
        return DeskWorld(driver, books[0])


class TestAcmePresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "acme-presets"

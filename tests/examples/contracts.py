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
    Machine,
    PresetPackContract,
    ProvisionerContract,
    RuntimeContract,
    TunerContract,
    World,
    make_context,
)

sys.path.insert(0, os.environ["EXAMPLE_DESK"])
from desk import Desk, serve

TICK_S = 30.0
REFUSALS = ((402, "all machines of your contract are rented"), (403, "the token is not known"), (502, ""))


class TestPlainRuntime(RuntimeContract):
    @pytest.fixture
    def driver(self) -> PlainRuntime:
        return PlainRuntime(make_context())


class TestLastLayersTuner(TunerContract):
    @pytest.fixture
    def driver(self) -> LastLayersTuner:
        return LastLayersTuner(make_context())


class Books(Desk):
    """A desk that refuses to rent and to take back, and still tells its machines."""

    refused: tuple[int, str] | None = None

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
        if self.refused is not None and method != "GET":
            return self.refused
        status, content = super().answer(method, path, body, token)
        return status, content


class DeskWorld(World):
    """The desk as it really is. Its machines boot while the world's time passes."""

    def __init__(self, desk: Books) -> None:
        super().__init__()
        self.desk, self.breaking = desk, False

    def tick(self) -> None:
        super().tick()
        for machine in self.desk.machines.values():
            machine["since"] -= TICK_S
        if self.breaking:
            for each in self.truth():
                if each.running:
                    self.lose(each.name)

    def truth(self) -> list[Machine]:
        return [
            Machine(name=each["name"], running=each["state"] == "running", labels=each.get("labels", {}))
            for each in self.desk.listed()
        ]

    def lose(self, name: str) -> bool:
        return self.desk.machines.pop(name, None) is not None

    def break_new(self, broken: bool) -> bool:
        self.breaking = broken
        return True

    def add_foreign(self) -> str:
        self.desk.rent("of-somebody-else", {"labels": {"somebody": "else"}})
        return "of-somebody-else"

    def refuse(self, way: int) -> bool:
        self.desk.refused = (None, *REFUSALS)[way] if way <= len(REFUSALS) else None
        return way <= len(REFUSALS)


class TestDeskProvisioner(ProvisionerContract):
    @pytest.fixture
    def books(self) -> Iterator[tuple[Books, str]]:
        desk = Books(boot_s=2.5 * TICK_S, capacity=2000)
        server = serve(desk)
        yield desk, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        server.server_close()

    @pytest.fixture
    def driver(self, books: tuple[Books, str]) -> DeskProvisioner:
        return DeskProvisioner(make_context(settings={"url": books[1]}))

    @pytest.fixture
    def world(self, books: tuple[Books, str]) -> DeskWorld:
        return DeskWorld(books[0])


class TestAcmePresets(PresetPackContract):
    @pytest.fixture
    def pack(self) -> str:
        return "acme-presets"

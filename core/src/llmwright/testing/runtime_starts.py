"""Laws of how a runtime's server starts: with code of the model's repository, and without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from llmwright.plugins.drivers import Runtime
from llmwright.testing.http_answers import Client
from llmwright.testing.processes import HOLD, Machine, free_port
from llmwright.testing.served_runtimes import ServedRuntimeContract, served_fit, start
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset


class StartsContract(ServedRuntimeContract):
    """Laws of one start of the server, up to the moment at which the law is decided."""

    def test_it_starts_where_remote_code_may_run(
        self, driver: Runtime, served_launch: Launch, served_preset: Preset, config: Any, tmp_path: Path
    ) -> None:
        """The server takes what ``launch`` asks for where ``preset.remote_code`` is True: it comes to its weights."""
        each = replace(served_preset, remote_code=True)
        if driver.refuses(each, served_fit(each)) is not None:
            return
        signs = tmp_path / "signs"
        signs.mkdir()
        model = served_preset.source.removeprefix("file://")
        environ = {"LLMWRIGHT_HOLD_MODEL": model, "LLMWRIGHT_HOLD_SIGNS": str(signs)}
        machine = Machine(tmp_path / "trusting", environ=environ, first_on_path=(str(HOLD),))
        port = free_port(machine.host)
        running = start(machine, driver.launch(each, served_fit(each), (), config), port)
        client = Client(machine.host, port)
        try:
            running.until(
                lambda: (signs / "held").exists() or client.is_healthy(),
                "with preset.remote_code, whose flag is --trust-remote-code, it reads its weights",
            )
        finally:
            running.kill()

    def test_a_load_that_fails_ends_it_with_an_error(
        self, driver: Runtime, served_launch: Launch, served_preset: Preset, config: Any, tmp_path: Path
    ) -> None:
        """Without a model the server ends, with another exit code than 0: who lives on is never started again."""
        empty = tmp_path / "no-model"
        empty.mkdir()
        each = replace(served_preset, source=empty.as_uri())
        machine = Machine(tmp_path / "failing")
        running = start(machine, driver.launch(each, served_fit(each), (), config), free_port(machine.host))
        try:
            ended = running.ended()
        except AssertionError as error:
            raise AssertionError(f"it lives on though its weights cannot be loaded; end it with 1: {error}") from None
        assert ended.code != 0, "it ends with 0 though its weights cannot be loaded: end it with 1"

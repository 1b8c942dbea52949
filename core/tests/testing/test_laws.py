"""Each law catches what it is there for: drivers that break one."""

from __future__ import annotations

import datetime as dt
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from random import shuffle
from time import monotonic
from typing import Any

import pytest
from pydantic import BaseModel

from llmwright.plugins.drivers import AccessRule, Capabilities, Driver
from llmwright.plugins.launch_faults import Core
from llmwright.testing import (
    DriverContract,
    Impure,
    ProvisionerContract,
    RuntimeContract,
    TunerContract,
    World,
    make_context,
    make_fit,
    make_preset,
    make_tuning_data,
    pure,
)
from llmwright.testing.contract import laws
from llmwright.testing.fakes import FakeCloud, FakeProvisioner, FakeRuntime, FakeTuner
from llmwright.testing.launches import as_json, faults
from llmwright.testing.model_figures import model_faults
from llmwright.testing.purity import CANARY, twice_alike
from llmwright.values.fit import MemoryTerm
from llmwright.values.launch import Exec, HttpGet, Launch, Mount, Probe, Process, Ranks, Volume
from llmwright.values.nodes import Node, NodeRequest, ProvisionerDecision, Ready, Waiting, Watch


@pytest.mark.parametrize(
    "impure",
    [
        lambda: time.time(),
        lambda: time.sleep(0),
        lambda: dt.datetime.now(UTC),
        lambda: dt.date.today(),
        lambda: random.random(),
        lambda: Path("nowhere.txt").read_text(),
        lambda: os.open(os.devnull, os.O_RDONLY),
        lambda: Path("/nowhere/at/all").mkdir(),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: subprocess.run(["true"], check=True),
        lambda: Path("nowhere.txt").exists(),
        lambda: os.access("nowhere", os.R_OK),
        lambda: [*Path().iterdir()],
        lambda: Path.home(),
        lambda: os.getenv("HOME"),
        lambda: os.cpu_count(),
        lambda: random.sample([1, 2], 1),
        lambda: shuffle([1, 2]),
        lambda: monotonic(),
        lambda: secrets.token_hex(),
    ],
)
def test_what_is_not_pure_is_refused(impure: Callable[[], Any]) -> None:
    with pure(), pytest.raises(Impure):
        impure()


def test_outside_of_it_nothing_is_refused() -> None:
    with pure():
        pass
    assert time.time() > 0
    assert dt.datetime.now(UTC).year > 2000
    assert Path(__file__).read_text()


def test_what_is_printed_is_refused() -> None:
    with pytest.raises(Impure, match="printed 'hello"), pure():
        print("hello")


def test_another_thread_is_let_be() -> None:
    seen: list[float] = []
    with pure():
        thread = threading.Thread(target=lambda: seen.append(time.time()))
        thread.start()
        thread.join()
    assert seen[0] > 0


def test_arithmetic_with_times_stays_possible() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=UTC)
    with pure():
        assert isinstance(moment, dt.datetime)
        assert (moment + dt.timedelta(days=1)).day == 2


def test_a_late_import_is_no_impurity() -> None:
    import sys

    sys.modules.pop("colorsys", None)
    with pure():
        import colorsys
    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_different_answers_are_caught() -> None:
    answers = iter([1, 2])
    with pytest.raises(AssertionError, match="different results"):
        twice_alike(lambda: next(answers))


def test_the_environment_must_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(Impure, match="environment variable HF_TOKEN"):
        twice_alike(lambda: os.environ.get("HF_TOKEN"))
    with pytest.raises(Impure, match=r"os\.getcwd"):
        twice_alike(Path.cwd)
    with pytest.raises(Impure, match="different results"):
        twice_alike(lambda: sys.executable)


def test_a_changed_argument_is_caught() -> None:
    with pytest.raises(AssertionError, match="changed its arguments"):
        twice_alike(lambda items: items.clear(), [1])


MAIN = Process(name="serve", argv=("run",))


@pytest.mark.parametrize(
    ("launch", "fault"),
    [
        (
            Launch(main=replace(MAIN, argv=("$(volume.weights)",))),
            "refers to volume 'weights', which it does not mount",
        ),
        (Launch(main=replace(MAIN, env={"A": "$(port.http)"})), "refers to port 'http', which is not declared"),
        (Launch(main=replace(MAIN, mounts=(Mount(volume="x", path="/x"),))), "mounts 'x', which is not declared"),
        (Launch(main=replace(MAIN, argv=())), "is not one or more strings"),
        (Launch(main=replace(MAIN, argv=(1,))), "is not one or more strings"),  # type: ignore[arg-type]
        (Launch(main=replace(MAIN, env={"A": 1})), "env 'A' is int"),  # type: ignore[dict-item]
        (Launch(main=replace(MAIN, env={"A-B": "x"})), "env 'A-B'"),
        (Launch(main=replace(MAIN, image="docker.io/acme/serve:1")), "is no role"),
        (Launch(main=replace(MAIN, name="Serve it")), "no DNS label"),
        (Launch(main=MAIN, after=(MAIN,)), "two processes are called 'serve'"),
        (Launch(main=MAIN, volumes=(Volume(name="v"), Volume(name="v"))), "declared twice"),
        (Launch(main=MAIN, ports={"http": 70000}), "port 'http' is 70000"),
        (Launch(main=replace(MAIN, ready=Probe(check=HttpGet("/health")))), "a probe asks port 'http'"),
        (Launch(main=replace(MAIN, ready=Probe(check=HttpGet("x", "p"))), ports={"p": 1}), "which is no path"),
        (Launch(main=replace(MAIN, live=Probe(check=Exec(("$(volume.v)",))))), "probe refers to volume 'v'"),
        (Launch(main=replace(MAIN, live=Probe(check=Exec(("a",)), period_s=0))), "times are not positive"),
        (Launch(main=replace(MAIN, argv=("--token", CANARY))), "argv holds a secret's value"),
        (
            Launch(main=MAIN, ranks=Ranks(count=2, leader=("$(port.r)",), worker=("b",), rendezvous_port=1)),
            "ranks refers to port 'r'",
        ),
    ],
)
def test_an_unsound_launch_is_caught(launch: Launch, fault: str) -> None:
    assert any(fault in found for found in faults(launch)), faults(launch)


def test_the_core_s_volumes_are_the_core_s_to_declare() -> None:
    core = Core(declares=frozenset({"data"}))
    launch = Launch(main=replace(MAIN, mounts=(Mount(volume="data", path="/data"),)))
    assert faults(launch, core) == []
    assert faults(replace(launch, volumes=(Volume(name="data"),)), core) == ["volume 'data' is the core's to declare"]


def test_what_json_does_not_have_is_caught() -> None:
    with pytest.raises(TypeError, match="set has no JSON"):
        as_json({"a": {1}})


def test_a_law_overridden_in_silence_is_caught() -> None:
    class Quiet(RuntimeContract):
        test_launch_is_pure = None  # type: ignore[assignment]

        @pytest.mark.xfail(reason="")
        def test_launch_is_json(self, launch: Launch) -> None:
            raise AssertionError

        @pytest.mark.xfail(reason="told")
        def test_launch_is_sound(self, launch: Launch, adapters: Any) -> None:
            raise AssertionError

    with pytest.raises(AssertionError, match="test_launch_is_json, test_launch_is_pure") as caught:
        Quiet().test_no_law_is_overridden_in_silence()
    assert "sound" not in str(caught.value)


@pytest.mark.parametrize("contract", [ProvisionerContract, RuntimeContract, TunerContract])
def test_each_law_says_what_it_is(contract: type) -> None:
    assert len(laws(contract)) > 10
    assert [name for name in laws(contract) if not getattr(contract, name).__doc__] == []


def test_options_that_are_swallowed_are_caught() -> None:
    class Anything(BaseModel):
        pass

    class Swallowing(FakeRuntime):
        config_model = Anything

    with pytest.raises(pytest.fail.Exception):
        RuntimeContract().test_unknown_options_are_refused(Swallowing(make_context()))


def test_a_method_with_other_parameters_is_caught() -> None:
    class Short(FakeRuntime):
        def launch(self, preset: Any) -> Launch:  # type: ignore[override]
            return Launch(main=MAIN)

    with pytest.raises(AssertionError, match="launch"):
        RuntimeContract().test_methods_take_what_the_interface_gives(Short(make_context()))


def test_a_runtime_that_serves_one_name_only_is_caught() -> None:
    class Deaf(FakeRuntime):
        def launch(self, *_: Any) -> Launch:
            return Launch(main=MAIN)

    driver = Deaf(make_context())
    with pytest.raises(AssertionError):
        RuntimeContract().test_serves_under_the_preset_s_name(driver, make_preset(), make_fit(), (), {})
    with pytest.raises(AssertionError):
        RuntimeContract().test_serves_adapters_under_their_names(driver, make_preset(), make_fit(), {})
    with pytest.raises(AssertionError):
        RuntimeContract().test_answers_health_on_http(driver.launch())


def test_a_tuner_whose_memory_is_wrong_is_caught() -> None:
    class Shrinking(FakeTuner):
        def memory(self, preset: Any, config: Any) -> tuple[MemoryTerm, ...]:
            return (MemoryTerm("weights", 10**9 - preset.parameters),)

    driver, big = Shrinking(make_context()), make_preset(scale=4)
    with pytest.raises(AssertionError):
        TunerContract().test_a_bigger_model_needs_no_less(driver, make_preset(), big, {})
    with pytest.raises(AssertionError):
        TunerContract().test_memory_terms_are_whole_bytes(driver, make_preset(scale=1000), {})
    with pytest.raises(AssertionError):
        TunerContract().test_reads_data_and_writes_results(Launch(main=MAIN))


REQUEST = NodeRequest(namespace="default", workspace="demo", count=1)


class Deciding(FakeProvisioner):
    """Decides as the test says."""

    decision: ProvisionerDecision

    def decide(self, *_: Any) -> ProvisionerDecision:
        return self.decision


def deciding(**decision: Any) -> Deciding:
    driver = Deciding(make_context(cluster=FakeCloud()))
    driver.decision = ProvisionerDecision(**decision)
    return driver


def test_a_provisioner_that_never_gets_there_is_caught() -> None:
    with pytest.raises(AssertionError, match="after 60 passes"):
        ProvisionerContract().test_deciding_converges(
            deciding(outcome=Waiting("Waiting", "still")), FakeCloud(), REQUEST
        )


def test_a_provisioner_that_never_lets_go_is_caught() -> None:
    greedy = deciding(outcome=Ready((Node(name="mine"),)))
    with pytest.raises(AssertionError):
        ProvisionerContract().test_what_was_taken_is_given_back(greedy, FakeCloud(), REQUEST)
    with pytest.raises(AssertionError):
        ProvisionerContract().test_releasing_nothing_is_ready(greedy, FakeCloud(), REQUEST)


@pytest.mark.parametrize(
    "decision",
    [
        {"outcome": Waiting("", "why")},
        {"outcome": Waiting("Two words", "why")},
        {"outcome": Waiting("Why", "")},
        {"outcome": Ready(), "state": {"memory": "x" * 5000}},
    ],
)
def test_an_ill_formed_decision_is_caught(decision: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        ProvisionerContract().test_decisions_are_well_formed(deciding(**decision), FakeCloud(), REQUEST)


def test_a_plain_world_moves_its_clock() -> None:
    world = World()
    before = world.now
    world.tick()
    assert world.now > before
    assert world.snapshot() is None


def test_the_fake_tuner_reads_the_data_it_is_given() -> None:
    launch = FakeTuner(make_context()).launch(make_preset(), make_fit(), make_tuning_data(), {})
    assert "$(volume.data)" in launch.main.argv


class Ranked(FakeRuntime):
    targets = frozenset({"local"})
    default_rank = {"kubernetes": 1}


class Renamed(FakeRuntime):
    aliases = frozenset({"other"})


class Greedy(FakeProvisioner):
    access_rules = (AccessRule("", ("secrets",), ("get",)),)


class Everything(FakeProvisioner):
    access_rules = (AccessRule("acme.example", ("things",), ("*",)),)


@pytest.mark.parametrize(
    ("driver", "law", "words"),
    [
        (Ranked(make_context()), "test_its_ranks_are_for_targets_that_it_serves", "kubernetes"),
        (Greedy(make_context()), "test_its_access_rules_are_well_formed", "lets the operator read Secrets"),
        (Everything(make_context()), "test_its_access_rules_are_well_formed", "no verb of RBAC"),
    ],
)
def test_a_wrong_declaration_is_caught(driver: Driver, law: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        getattr(DriverContract(), law)(driver)


def test_an_alias_without_an_entry_point_is_caught() -> None:
    with pytest.raises(AssertionError, match="no entry point: other"):
        RuntimeContract().test_its_aliases_are_its_entry_points(Renamed(make_context()))


def test_declarations_of_runtimes_and_provisioners_are_held_against_each_other() -> None:
    class Unlisted(FakeRuntime):
        kaito_rules = frozenset({"listed-presets"})

    class Idle(FakeRuntime):
        capabilities = Capabilities(gpu=False)

    class Blind(FakeProvisioner):
        node_claims = Watch(group="acme.example", version="v1", plural="machines")

    with pytest.raises(AssertionError, match="by which name"):
        RuntimeContract().test_its_declarations_are_known(Unlisted(make_context()))
    with pytest.raises(AssertionError):
        RuntimeContract().test_it_serves_on_some_machine(Idle(make_context()))
    with pytest.raises(AssertionError):
        ProvisionerContract().test_its_claims_are_watched(Blind(make_context()))


@pytest.mark.parametrize("scale", [1, 4])
def test_the_preset_for_authors_has_figures_that_can_be_true(scale: int) -> None:
    assert [*model_faults(make_preset(scale=scale))] == []

"""Our fakes keep the contracts, each law a test."""

from __future__ import annotations

import pytest

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Driver
from llmwright.testing import (
    ProvisionerContract,
    RuntimeContract,
    TunerContract,
    make_context,
    make_fit,
    make_preset,
)
from llmwright.testing.fakes import FakeCloud, FakeProvisioner, FakeRuntime, FakeTuner, failing
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest, ProvisionerAction
from llmwright.values.preset import Preset

NOT_INSTALLED = "a fake has no entry point"


class TestFakeProvisioner(ProvisionerContract):
    @pytest.fixture
    def world(self) -> FakeCloud:
        return FakeCloud()

    @pytest.fixture
    def driver(self, world: FakeCloud) -> FakeProvisioner:
        return FakeProvisioner(make_context(cluster=world))

    @pytest.mark.xfail(reason=NOT_INSTALLED, strict=True)
    def test_its_entry_point_loads(self, driver: Driver) -> None:
        super().test_its_entry_point_loads(driver)

    def test_a_refusing_cloud_is_an_error_of_the_target(self) -> None:
        driver = FakeProvisioner(make_context(cluster=FakeCloud(refusing="no quota")))
        with pytest.raises(TargetError, match="no quota"):
            driver.act(ProvisionerAction(verb="create", name="default-demo-0"))

    def test_more_than_there_is_fails_with_capacity(self, driver: FakeProvisioner, world: FakeCloud) -> None:
        request = NodeRequest(namespace="default", workspace="demo", count=9)
        outcome = driver.decide(request, {}, world.now).outcome
        assert getattr(outcome, "kind", None) == "capacity"


class TestFakeRuntime(RuntimeContract):
    @pytest.fixture
    def driver(self) -> FakeRuntime:
        return FakeRuntime(make_context())

    @pytest.fixture
    def served_launch(self) -> Launch:
        pytest.skip("it serves files, and no model")

    @pytest.mark.xfail(reason=NOT_INSTALLED, strict=True)
    def test_its_entry_point_loads(self, driver: Driver) -> None:
        super().test_its_entry_point_loads(driver)


class TestFakeTuner(TunerContract):
    @pytest.fixture
    def driver(self) -> FakeTuner:
        return FakeTuner(make_context())

    @pytest.fixture
    def tuned_preset(self) -> Preset:
        pytest.skip("it touches files, and trains nothing")

    @pytest.mark.xfail(reason=NOT_INSTALLED, strict=True)
    def test_its_entry_point_loads(self, driver: Driver) -> None:
        super().test_its_entry_point_loads(driver)


def test_a_failing_launch_differs_in_its_main_process_alone() -> None:
    launch = FakeRuntime(make_context()).launch(make_preset(), make_fit(), (), {})
    assert failing(launch, 3).main.argv[-1] == "raise SystemExit(3)"
    assert failing(launch).volumes == launch.volumes

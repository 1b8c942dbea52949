"""The operator's provisioners: a broken one is no harm to the others."""

from __future__ import annotations

import pytest

from llmwright.errors import ConfigError, LLMwrightError, PluginNotFound
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.operator.provision.provisioner_drivers import ProvisionerDrivers
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeProvisioner


@pytest.mark.parametrize("fault", [PluginNotFound("no such one"), ConfigError("settings it does not take"), KeyError()])
def test_one_that_cannot_be_made_is_left_out_and_the_others_are_asked(fault: Exception) -> None:
    def find(name: str) -> Provisioner:
        if name == "broken":
            raise fault
        return FakeProvisioner(make_context())

    drivers = ProvisionerDrivers(find)
    assert [name for name, _ in drivers.usable(["broken", "whole"])] == ["whole"]
    assert drivers.loaded == ("whole",)
    with pytest.raises(LLMwrightError):
        drivers.get("broken")

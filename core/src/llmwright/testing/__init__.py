"""The contracts of plugins as pytest classes: subclass one, give one fixture, and every law is a test.

    from llmwright.testing import RuntimeContract, make_context

    class TestAcme(RuntimeContract):
        @pytest.fixture
        def driver(self):
            return AcmeRuntime(make_context())

A law that does not hold for a plugin is overridden with ``@pytest.mark.xfail(reason=…)``; overriding it in silence is
itself a failure. Needs pytest (``pip install 'llmwright[testing]'``). Tests of the core do not belong here.
"""

from __future__ import annotations

from llmwright.testing.contract import Contract
from llmwright.testing.drivers import DriverContract
from llmwright.testing.endpoints import EndpointContract
from llmwright.testing.hooks import HooksContract, make_objects, make_workspace
from llmwright.testing.operation import Operation
from llmwright.testing.packs import PresetPackContract
from llmwright.testing.presets import (
    make_adapter,
    make_context,
    make_fit,
    make_instance_type,
    make_node_request,
    make_plan,
    make_preset,
    make_tuning_data,
)
from llmwright.testing.provisioners import ProvisionerContract
from llmwright.testing.purity import Impure, pure
from llmwright.testing.runtimes import RuntimeContract
from llmwright.testing.served_model import ServedModel
from llmwright.testing.tuners import TunerContract
from llmwright.testing.world import CloudWorld, Machine, World

__all__ = [
    "CloudWorld",
    "Contract",
    "DriverContract",
    "EndpointContract",
    "HooksContract",
    "Impure",
    "Machine",
    "Operation",
    "PresetPackContract",
    "ProvisionerContract",
    "RuntimeContract",
    "ServedModel",
    "TunerContract",
    "World",
    "make_adapter",
    "make_context",
    "make_fit",
    "make_instance_type",
    "make_node_request",
    "make_objects",
    "make_plan",
    "make_preset",
    "make_tuning_data",
    "make_workspace",
    "pure",
]

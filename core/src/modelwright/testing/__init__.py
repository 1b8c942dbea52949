"""The contracts of plugins as pytest classes: subclass one, give one fixture, and every law is a test.

::

    from modelwright.testing import RuntimeContract, make_context

    class TestAcme(RuntimeContract):
        @pytest.fixture
        def driver(self):
            return AcmeRuntime(make_context())

A law that does not hold for a plugin is overridden with ``@pytest.mark.xfail(reason=…)``; overriding it in silence is
itself a failure. Needs pytest (``pip install 'modelwright[testing]'``). Tests of the core do not belong here.
"""

from __future__ import annotations

from modelwright.testing.contract import Contract
from modelwright.testing.drivers import DriverContract
from modelwright.testing.packs import PresetPackContract
from modelwright.testing.presets import (
    make_adapter,
    make_context,
    make_fit,
    make_instance_type,
    make_preset,
    make_tuning_data,
)
from modelwright.testing.provisioners import ProvisionerContract, World
from modelwright.testing.purity import Impure, pure
from modelwright.testing.runtimes import RuntimeContract
from modelwright.testing.tuners import TunerContract

__all__ = [
    "Contract",
    "DriverContract",
    "Impure",
    "PresetPackContract",
    "ProvisionerContract",
    "RuntimeContract",
    "TunerContract",
    "World",
    "make_adapter",
    "make_context",
    "make_fit",
    "make_instance_type",
    "make_preset",
    "make_tuning_data",
    "pure",
]

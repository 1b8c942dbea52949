from __future__ import annotations

from typing import Any

import pytest

from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.plugins.configuration import validate_options, validate_settings
from llmwright_provisioner_aks.driver import AksProvisioner
from llmwright_provisioner_aks.options import AksOptions

GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/capacityReservationGroups/r"


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ({"capacityType": "reserved"}, "capacityType", ""),
        ({"spotMaxPrice": 1}, "spotMaxPrice", "capacityType: spot"),
        ({"capacityType": "spot", "spotMaxPrice": 0}, "spotMaxPrice", ""),
        ({"capacityType": "spot", "spotMaxPrice": 0.1234567}, "spotMaxPrice", "five decimals"),
        ({"capacityType": "spot", "capacityReservationGroup": GROUP}, "capacityReservationGroup", "reserved capacity"),
        ({"zones": ["1", "1"]}, "zones", "twice"),
        ({"zones": ["4"]}, "zones[0]", ""),
        ({"subnetId": "nodes"}, "subnetId", ""),
        ({"capacityReservationGroup": "mine"}, "capacityReservationGroup", ""),
        ({"migProfile": "1g"}, "migProfile", ""),
        ({"minNodes": 2}, "minNodes", "maxNodes"),
        ({"minNodes": 3, "maxNodes": 2}, "minNodes", "above"),
        ({"maxNodes": 1001}, "maxNodes", ""),
        ({"maxNodes": 0}, "maxNodes", ""),
        ({"tags": {"a/b": "c"}}, "tags", "refuses"),
        ({"tags": {"azure-x": "c"}}, "tags", "refuses"),
        ({"tags": {"LLMwright-Workspace": "c"}}, "tags", "ours"),
        ({"tags": {"a": "c" * 257}}, "tags", "256"),
        ({"tags": {f"t{number}": "" for number in range(48)}}, "tags", "50"),
    ],
)
def test_what_aks_refuses_is_refused_with_its_path(options: dict[str, Any], path: str, text: str) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        validate_options(AksOptions, options)
    (problem,) = refused.value.problems
    assert problem.path == path
    assert text in problem.message


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"cloud": "germany"}, "cloud"),
        ({"resourceManager": "http://x"}, "resourceManager"),
        ({"maxPools": 0}, "maxPools"),
    ],
)
def test_settings_that_cannot_be_used_are_named(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"plugins\.provisioner\.aks\.{key}"):
        validate_settings("plugins.provisioner.aks", AksProvisioner, values)

"""``inference.runtimeConfig`` of the ``ray`` runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from llmwright.errors import Problem
from llmwright_runtime_hf.hf_config import HfConfig

RANGE = "inference.autoscaling"
IN_ITS_FIELD: Mapping[str, str] = {
    "minReplicas": f"{RANGE}.minReplicas",
    "maxReplicas": f"{RANGE}.maxReplicas",
    "initialReplicas": "inference.replicas",
    "targetOngoingRequests": f"{RANGE}.target",
    "numReplicas": "inference.replicas",
    "replicas": "inference.replicas",
    "autoscalingConfig": RANGE,
}
"""Words of Ray for the number of copies, and the field of a Workspace that has it for every runtime."""


class RayConfig(HfConfig):
    """The options of the engine ``hf``, and how copies take requests. The names are those of Ray's documentation."""

    max_ongoing_requests: int = Field(default=64, ge=1, le=10_000)
    """The most requests that are sent to one copy at a time. The others wait in the proxy. Ray's own default of 5
    would leave most of a batch of the engine empty."""
    max_queued_requests: int = Field(default=256, ge=1, le=1_000_000)
    """How many requests may wait in one proxy. More are refused with 429 and ``Retry-After``."""
    upscale_delay_s: float = Field(default=30, ge=0, le=86_400)
    """Seconds of higher load before copies are added. From 0 to 1 there is no delay."""
    downscale_delay_s: float = Field(default=600, ge=0, le=86_400)
    """Seconds of lower load before copies are ended."""
    replica_cpus: float = Field(default=1, gt=0, le=1024)
    """CPUs that Ray reserves for one copy."""


def written_elsewhere(options: Mapping[str, Any]) -> Iterable[Problem]:
    """Yield a problem for each option that says how many copies there are: that is one field for every runtime."""
    for name in options:
        field = IN_ITS_FIELD.get(to_camel(name))
        if field is not None:
            message = f"{name} is no option of ray: the number of copies is {field}, for every runtime"
            yield Problem(name, message, f"write {field} instead", reason="NotSupported")

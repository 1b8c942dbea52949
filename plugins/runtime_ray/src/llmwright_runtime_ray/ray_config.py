"""``inference.runtimeConfig`` of the ``ray`` runtime."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from llmwright_runtime_hf.hf_config import HfConfig

MOST_REPLICAS = 1000


class RayConfig(HfConfig):
    """The options of the engine ``hf``, and how many replicas of it run. The names are those of Ray's documentation."""

    min_replicas: int = Field(default=1, ge=0, le=MOST_REPLICAS)
    """The fewest replicas; with 0 there is none while nobody asks, and the first request waits for one."""
    max_replicas: int | None = Field(default=None, ge=1, le=MOST_REPLICAS)
    """The most replicas; default: ``minReplicas``, and at least one."""
    initial_replicas: int | None = Field(default=None, ge=1, le=MOST_REPLICAS)
    """Replicas at the start; default: ``minReplicas``, and at least one, so that ready means that the model answers."""
    target_ongoing_requests: float = Field(default=2, gt=0, le=10_000)
    """Requests of one replica, under way and queued, that the number of replicas is kept near to."""
    max_ongoing_requests: int = Field(default=64, ge=1, le=10_000)
    """The most requests that are sent to one replica at a time. The others wait in the proxy. Ray's own default of 5
    would leave most of a batch of the engine empty."""
    max_queued_requests: int = Field(default=256, ge=1, le=1_000_000)
    """How many requests may wait in one proxy. More are refused with 429 and ``Retry-After``."""
    upscale_delay_s: float = Field(default=30, ge=0, le=86_400)
    """Seconds of higher load before replicas are added. From 0 to 1 there is no delay."""
    downscale_delay_s: float = Field(default=600, ge=0, le=86_400)
    """Seconds of lower load before replicas are ended."""
    replica_cpus: float = Field(default=1, gt=0, le=1024)
    """CPUs that Ray reserves for one replica."""

    @field_validator("max_replicas")
    @classmethod
    def _at_least_min(cls, most: int | None, info: ValidationInfo) -> int | None:
        fewest = info.data.get("min_replicas", 0)
        if most is not None and most < fewest:
            raise ValueError(f"is {most}, less than minReplicas ({fewest}); raise it, or lower minReplicas")
        return most

    @field_validator("initial_replicas")
    @classmethod
    def _within(cls, initial: int | None, info: ValidationInfo) -> int | None:
        fewest = info.data.get("min_replicas", 0)
        most = info.data.get("max_replicas") or max(1, fewest)
        if initial is not None and not fewest <= initial <= most:
            raise ValueError(f"is {initial}, not within minReplicas and maxReplicas ({fewest} to {most})")
        return initial

    @field_validator("max_ongoing_requests")
    @classmethod
    def _reaches_target(cls, most: int, info: ValidationInfo) -> int:
        target = info.data.get("target_ongoing_requests", 0)
        if most < target:
            raise ValueError(f"is {most}, less than targetOngoingRequests ({target:g}); no load would add a replica")
        return most

    @property
    def most(self) -> int:
        """The most replicas, also where none is written."""
        return self.max_replicas or max(1, self.min_replicas)

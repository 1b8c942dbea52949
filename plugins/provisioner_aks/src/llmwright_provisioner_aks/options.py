"""Options: ``provisionerConfig`` of a Workspace, and ``plugins.provisioner.aks`` of the settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from llmwright_provisioner_aks.pool_names import OWN_TAGS

CapacityType = Literal["on-demand", "spot"]
Zone = Literal["1", "2", "3"]
MigProfile = Literal["MIG1g", "MIG2g", "MIG3g", "MIG4g", "MIG7g"]
CloudName = Literal["public", "usgovernment", "china"]

MOST_NODES = 1000
"""The most nodes of one agent pool."""

MOST_TAGS = 50 - len(OWN_TAGS)
SUBNET = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+"
RESERVATION = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/capacityReservationGroups/[^/]+"
_HOST = re.compile(r"https://[^/?#@\s]+")
_TAG_NAME = re.compile(r"[^<>%&\\?/]{1,512}")
_TAKEN_TAGS = ("microsoft", "azure", "windows")
_BOUNDS = "the bounds of the cluster autoscaler for this pool"


class _Model(BaseModel):
    # Built when it is first used: this module's import takes 2.5 times the CPU otherwise (27 ms in place of 69, medians
    # of 12 on a busy machine), also where nobody chose this driver.
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, defer_build=True
    )


class AksOptions(_Model):
    """``resource.provisionerConfig``. What AKS refuses is refused here, before any call."""

    capacity_type: CapacityType = Field(default="on-demand", description="spot: nodes that Azure may take back.")
    spot_max_price: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="The most US dollars an hour for a spot node; unset: up to on-demand's.",
    )
    zones: tuple[Zone, ...] = Field(default=(), description="The availability zones of the nodes; unset: the region.")
    subnet_id: str | None = Field(
        default=None, pattern=f"(?i)^{SUBNET}$", description="The resource id of the nodes' subnet."
    )
    gpu_driver: Literal["install", "none"] = Field(
        default="install", description="none: AKS installs no GPU driver, for the GPU Operator."
    )
    mig_profile: MigProfile | None = Field(default=None, description="The MIG profile into which each GPU is divided.")
    tags: dict[str, str] = Field(default_factory=dict, description="Azure tags of the pool and its machines.")
    max_nodes: Annotated[int, Field(ge=1, le=MOST_NODES)] | None = Field(
        default=None, description=f"The most nodes, of {_BOUNDS}; unset: the autoscaler leaves the pool alone."
    )
    min_nodes: Annotated[int, Field(ge=1, le=MOST_NODES)] | None = Field(
        default=None, description=f"The fewest nodes, of {_BOUNDS}; never below the nodes that are needed."
    )
    capacity_reservation_group: str | None = Field(
        default=None, pattern=f"(?i)^{RESERVATION}$", description="The resource id of a capacity reservation group."
    )

    @field_validator("spot_max_price")
    @classmethod
    def _price_of_spot(cls, price: float | None, info: ValidationInfo) -> float | None:
        if price is not None and info.data.get("capacity_type") != "spot":
            raise ValueError("it is for capacityType: spot")
        if price is not None and round(price, 5) != price:
            raise ValueError("AKS takes at most five decimals")
        return price

    @field_validator("zones")
    @classmethod
    def _distinct(cls, zones: tuple[Zone, ...]) -> tuple[Zone, ...]:
        if len(set(zones)) < len(zones):
            raise ValueError("a zone is named twice")
        return tuple(sorted(zones))

    @field_validator("tags")
    @classmethod
    def _usable_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        if len(tags) > MOST_TAGS:
            raise ValueError(f"more than {MOST_TAGS} tags: Azure takes 50, and {len(OWN_TAGS)} are ours")
        for name, value in tags.items():
            if not _TAG_NAME.fullmatch(name) or name.lower().startswith(_TAKEN_TAGS):
                raise ValueError(f"Azure refuses a tag named {name[:40]!r}")
            if name.lower() in OWN_TAGS:
                raise ValueError(f"the tag {name} is ours: it says whose pool it is")
            if len(value) > 256:
                raise ValueError(f"the value of the tag {name[:40]} is longer than 256 characters")
        return tags

    @field_validator("min_nodes")
    @classmethod
    def _below_the_most(cls, fewest: int | None, info: ValidationInfo) -> int | None:
        most = info.data.get("max_nodes")
        if fewest is not None and most is None:
            raise ValueError("it needs maxNodes: together they are the autoscaler's bounds")
        if fewest is not None and most is not None and fewest > most:
            raise ValueError(f"{fewest} is above maxNodes, {most}")
        return fewest

    @field_validator("capacity_reservation_group")
    @classmethod
    def _not_for_spot(cls, group: str | None, info: ValidationInfo) -> str | None:
        if group is not None and info.data.get("capacity_type") == "spot":
            raise ValueError("AKS gives a spot pool no reserved capacity")
        return group


class AksSettings(_Model):
    """``plugins.provisioner.aks``. What is unset is read from the metadata of the machine that the operator runs on."""

    subscription_id: str = Field(default="", description="The cluster's subscription; unset: of this machine.")
    resource_group: str = Field(default="", description="The cluster's resource group; unset: found by this machine's.")
    cluster_name: str = Field(default="", description="The AKS cluster's name; unset: of this machine.")
    cloud: CloudName = Field(default="public", description="Azure's cloud: public, usgovernment or china.")
    client_id: str = Field(default="", description="The client id of a user-assigned managed identity.")
    resource_manager: str = Field(default="", description="Another Resource Manager than the cloud's.")
    authority: str = Field(default="", description="Another Entra authority than the cloud's.")
    audience: str = Field(
        default="", description="What tokens are asked for; unset: the cloud's, or resourceManager where it is set."
    )
    max_pools: int = Field(default=100, ge=1, le=MOST_NODES, description="The most agent pools of the cluster.")

    @field_validator("resource_manager", "authority")
    @classmethod
    def _is_a_host(cls, address: str) -> str:
        address = address.rstrip("/")
        if address and not _HOST.fullmatch(address):
            raise ValueError("write https://HOST, without a path: a token goes there")
        return address

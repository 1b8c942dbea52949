"""The driver: how the template-name cloud lists, makes and ends machines. Decisions are in ``MachineProvisioner``."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.cloud_api import CloudApi
from llmwright.plugins.machines import CloudMachine, MachineProvisioner, Order

TOKEN = "TEMPLATE_NAME_TOKEN"  # noqa: S105
REASONS = {409: "InsufficientCapacity"}
"""Reasons by status, beside 401 and 403 (no right), 402 (quota), 400 and 422 (a bad request)."""


class Settings(BaseModel):
    """``plugins.provisioner.template-name`` in the settings."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="http://127.0.0.1:8080", description="address of the cloud's API")


class TemplateNameProvisioner(MachineProvisioner):
    """Makes machines of the template-name cloud, and gives them back. Put your cloud's API in the three methods."""

    targets = frozenset({"kubernetes"})
    settings_model = Settings
    owner_label = "template-name.example/workspace"

    def machines(self) -> Iterable[CloudMachine]:
        """List all machines of the account."""
        for row in self._api.call("GET", "/machines"):
            yield CloudMachine(name=row["name"], owner=row["owner"], state=row["state"])

    def create(self, order: Order) -> None:
        """Ask for a machine, whose node carries the labels."""
        body = {
            "owner": order.owner,
            "type": order.instance_type,
            "labels": order.labels,
        }
        self._api.call("PUT", f"/machines/{order.name}", body)

    def delete(self, machine: CloudMachine) -> None:
        """Give a machine back."""
        self._api.call("DELETE", f"/machines/{machine.name}")

    @property
    def _api(self) -> CloudApi:
        return CloudApi(Settings.model_validate(self.context.settings).endpoint, TOKEN, REASONS)

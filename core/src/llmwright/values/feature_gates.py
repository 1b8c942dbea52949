"""KAITO's feature gates, at KAITO's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FeatureGates:
    """``switches`` maps KAITO's own names (``vLLM``, ``enableMIG``) to on or off, as the setting ``featureGates`` does.

    A gate that is missing is at KAITO's default. Names that nothing depends on are ignored.
    """

    switches: Mapping[str, bool] = field(default_factory=dict)

    def allow(self, gate: str) -> bool:
        """Return whether a driver behind ``gate`` may be used. An empty name is no gate."""
        return not gate or self.switches.get(gate, True)

    @property
    def disable_node_auto_provisioning(self) -> bool:
        """Whether all nodes are brought by the user."""
        return self.switches.get("disableNodeAutoProvisioning", False)

    @property
    def mig(self) -> bool:
        """Whether a Workspace may ask for a MIG slice."""
        return self.switches.get("enableMIG", False)

    @property
    def accelerator(self) -> bool:
        """Whether a Workspace may ask for some GPUs of a shared node."""
        return self.switches.get("enableAccelerator", False)

    @property
    def model_streaming(self) -> bool:
        """Whether weights are streamed from a volume."""
        return self.switches.get("ModelStreaming", False)

"""The programs of the harness, for the tests of this folder."""

from __future__ import annotations

from tests.cluster.harness import assets, control_plane, karpenter

__all__ = ["assets", "control_plane", "karpenter"]

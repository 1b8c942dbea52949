"""One cluster for all tests of this folder, and at most one operator in it.

A module whose operator needs other ``settings`` or an ``environ`` of its own says so by a fixture of that name. A test
that runs operators itself takes ``off_shift`` and ``unattended`` in place of ``operator`` and ``workspaces``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.harness import Karpenter, assets, control_plane, karpenter
from tests.cluster.support.node_images import node_images
from tests.cluster.support.operating import LEVEL, SETTINGS, Shift
from tests.cluster.support.real_node import real_node
from tests.cluster.support.workspaces import Workspaces

from llmwright.testing.cluster import Cluster, OperatorProcess

__all__ = ["assets", "control_plane", "karpenter", "node_images", "real_node"]


@pytest.fixture(scope="package")
def plane(karpenter: Karpenter) -> Cluster:
    """The cluster with KWOK, Karpenter, the CRD and an account for operators."""
    karpenter.plane.install()
    return karpenter.plane


@pytest.fixture(scope="package")
def shift(plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shift]:
    """Whichever operator runs now."""
    found = Shift(plane, tmp_path_factory.mktemp("operators"))
    yield found
    found.off()


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Nodes that are there, and no preflight."""
    return SETTINGS


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """No variables of its own."""
    return {}


@pytest.fixture
def operator(shift: Shift, settings: dict[str, Any], environ: dict[str, str]) -> OperatorProcess:
    """The operator, running."""
    return shift.on(settings, environ)


@pytest.fixture
def off_shift(shift: Shift) -> None:
    """No operator runs but those that the test starts."""
    shift.off()


@pytest.fixture
def workspaces(plane: Cluster, operator: OperatorProcess) -> Iterator[Workspaces]:
    """Workspaces that the operator carries out, and takes away after the test."""
    found = Workspaces(plane)
    yield found
    found.clear()


@pytest.fixture
def unattended(plane: Cluster, off_shift: None) -> Iterator[Workspaces]:
    """Workspaces that the test clears away itself, while an operator of its own runs."""
    found = Workspaces(plane)
    yield found
    found.abandon()


@pytest.fixture
def strict(plane: Cluster) -> Iterator[None]:
    """The namespace of the Workspaces admits pods of the standard ``restricted`` alone for the while of a test."""
    plane.kubectl("label", "namespace", "default", f"{LEVEL}=restricted")
    yield
    plane.kubectl("label", "namespace", "default", f"{LEVEL}-")

"""Machines from the labels of a node, and MIG slices."""

from __future__ import annotations

import pytest

from llmwright.catalogue.node_labels import instance_type_of_labels, mig_is_active, mig_slice
from llmwright.errors import ConfigError

LABELS = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.count": "2", "nvidia.com/gpu.memory": "16300"}
GIB = 1024**3


def test_labels_describe_a_machine() -> None:
    machine = instance_type_of_labels(
        {**LABELS, "nvidia.com/cuda.compute.major": "7", "nvidia.com/cuda.compute.minor": "5"}
    )
    assert (machine.gpus, machine.gpu_memory_bytes, machine.compute_capability) == (2, 16 * GIB, (7, 5))
    assert instance_type_of_labels(LABELS).compute_capability is None


@pytest.mark.parametrize("label", LABELS)
def test_a_label_that_is_missing_is_named(label: str) -> None:
    with pytest.raises(ConfigError, match=label):
        instance_type_of_labels({key: value for key, value in LABELS.items() if key != label}, node="n1")


@pytest.mark.parametrize("value", ["two", "-1", "0", "1.5"])
def test_a_label_that_is_no_number_is_told(value: str) -> None:
    with pytest.raises(ConfigError, match=r"n1: label nvidia\.com/gpu\.count is"):
        instance_type_of_labels({**LABELS, "nvidia.com/gpu.count": value}, node="n1")


def test_mig_counts_once_it_is_done() -> None:
    assert mig_is_active({"nvidia.com/mig.config": "all-2g.24gb", "nvidia.com/mig.config.state": "success"})
    assert not mig_is_active({"nvidia.com/mig.config": "all-2g.24gb", "nvidia.com/mig.config.state": "pending"})
    assert not mig_is_active({"nvidia.com/mig.config": "all-disabled", "nvidia.com/mig.config.state": "success"})
    assert not mig_is_active({})


def test_a_slice_is_a_machine_of_one_gpu() -> None:
    assert (mig_slice("3g.47gb").gpus, mig_slice("3g.47gb").gpu_memory_bytes) == (1, 47 * GIB)
    for wrong in ("bogus", "5g.40gb", "1g.80gb"):
        with pytest.raises(ConfigError, match="unknown MIG profile"):
            mig_slice(wrong)

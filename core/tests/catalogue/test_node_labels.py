"""Machines from the labels of a node, and MIG slices."""

from __future__ import annotations

import pytest

from llmwright.catalogue.node_labels import instance_type_of_labels, instance_type_of_node, mig_is_active, mig_slice
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


def test_a_node_without_a_gpu_says_so() -> None:
    offers = {"cpu": "3920m", "memory": "16384Ki", "nvidia.com/gpu": "1"}
    machine = instance_type_of_node({"nvidia.com/gpu.present": "false"}, offers)
    assert (machine.name, machine.gpus, machine.cpus, machine.memory_bytes) == ("processor", 0, 3, 16 * 1024**2)
    assert instance_type_of_node(LABELS, offers) == instance_type_of_labels(LABELS)


@pytest.mark.parametrize("labels", [{}, {"nvidia.com/gpu.present": "true"}])
def test_a_node_that_says_nothing_is_not_taken_for_one_without_a_gpu(labels: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="n1 has no label"):
        instance_type_of_node(labels, {"cpu": "4", "memory": "8Gi"}, node="n1")


def test_resources_that_cannot_be_read_count_as_none() -> None:
    machine = instance_type_of_node({"nvidia.com/gpu.present": "false"}, {"cpu": "many"})
    assert (machine.cpus, machine.memory_bytes) == (0, 0)


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

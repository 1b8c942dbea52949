"""What a pod reserves, and the most that it may use."""

from __future__ import annotations

from llmwright.sizing.pod_resources import PodResources, pod_resources
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType

GIB = 1024**3
WEIGHTS = MemoryTerm("weights", 14 * GIB)
CACHE = MemoryTerm("KV cache", 40 * GIB)


def machine(gpus: int = 1, cpus: int = 24, memory: int = 220) -> InstanceType:
    return InstanceType(name="m", cloud="azure", gpus=gpus, cpus=cpus, memory_bytes=memory * GIB)


def test_with_a_gpu_the_weights_of_one_device_pass_through_the_host() -> None:
    found = pod_resources(Fit(instance_type=machine(), gpus=1, terms=(WEIGHTS, CACHE)))
    assert found == PodResources(12_000, 18 * GIB, 24_000, int(198 * GIB))


def test_some_gpus_of_a_machine_have_their_share_of_it() -> None:
    found = pod_resources(Fit(instance_type=machine(gpus=8, cpus=96, memory=1900), gpus=2, terms=(WEIGHTS,)))
    assert (found.most_cpu, found.most_memory) == (24_000, int(1900 * GIB * 0.25 * 0.9))


def test_a_small_host_keeps_room_for_the_clusters_own_pods() -> None:
    found = pod_resources(Fit(instance_type=machine(cpus=4, memory=28), gpus=1, terms=(WEIGHTS,)))
    assert found.memory == int(28 * GIB * 0.9) // 2


def test_without_a_gpu_all_terms_are_the_hosts() -> None:
    found = pod_resources(Fit(instance_type=machine(gpus=0, cpus=16, memory=64), terms=(WEIGHTS, CACHE)))
    assert found == PodResources(8_000, 54 * GIB, 16_000, int(64 * GIB * 0.9))


def test_small_models_share_the_processors_of_a_machine_without_a_gpu() -> None:
    small = MemoryTerm("weights", GIB)
    assert pod_resources(Fit(instance_type=machine(gpus=0, cpus=16, memory=64), terms=(small,))).cpu == 500
    quarter = MemoryTerm("weights", int(64 * GIB * 0.9) // 4)
    assert pod_resources(Fit(instance_type=machine(gpus=0, cpus=16, memory=64), terms=(quarter,))).cpu == 3_999
    assert pod_resources(Fit(instance_type=machine(gpus=0, cpus=2, memory=8), terms=(small,))).cpu == 500
    assert pod_resources(Fit(instance_type=machine(gpus=0, cpus=2, memory=0), terms=(small,))).cpu == 1_000


def test_of_an_unknown_machine_nothing_is_the_most() -> None:
    found = pod_resources(Fit(instance_type=InstanceType(name="unknown", cloud="node", gpus=1), gpus=1))
    assert found == PodResources(500, 4 * GIB)

"""The image of each process, by the GPU of its machine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import Planned, inference, required, tuning

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import OlderImage
from llmwright.settings.model import Settings
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_tuning_qlora.driver import QloraTuner

A100 = "Standard_NC24ads_A100_v4"
URL = {"urls": ["https://data.example/rows.parquet"]}
IMAGE = {"image": "registry.example/a:1", "imagePushSecret": "push"}


def test_an_older_gpu_is_warned_of_with_its_living_successor(planned: Planned) -> None:
    plan = planned(sku="Standard_NC6s_v3", tuning=tuning("phi-3-mini-128k-instruct", input=URL, output=IMAGE))
    warnings = " ".join(plan.warnings)
    assert "its successor is Standard_NC24ads_A100_v4" in warnings
    assert "no bfloat16" in warnings
    assert "the settings name no image for workload-cuda12" in warnings
    assert dict(plan.fits)["tuning"].dtype == "float16"


def test_processes_with_gpus_run_in_the_image_that_serves_them(planned: Planned) -> None:
    named = Settings(images={"workload-cuda12": "registry.example/workload-cuda12:1"})
    tuned = tuning("phi-3-mini-128k-instruct", input=URL, output=IMAGE)
    plan = planned(sku="Standard_NC6s_v3", tuning=tuned, settings=named)
    assert "only the image role workload-cuda12 (PyTorch for CUDA 12.6) serves it" in " ".join(plan.warnings)
    assert "name no image" not in " ".join(plan.warnings)
    launches = (required(plan.tuning), required(plan.serving))
    assert [launch.main.image for launch in launches] == ["workload-cuda12"] * 2
    others = {process.image for launch in launches for process in launch.processes if not process.gpus}
    assert others == {"workload"}
    newer = planned(sku=A100, tuning=tuned, settings=named)
    assert required(newer.tuning).main.image == "workload"


NEWER = OlderImage("newer", (7, 2), "a build that leaves the V100 out too")


class NewGpusOnly(HfRuntime):
    older_image = NEWER


class NewGpusOnlyTuner(QloraTuner):
    older_image = NEWER


@pytest.mark.parametrize(
    "parts",
    [{"inference": inference("phi-3-mini-4k-instruct")}, {"tuning": tuning("phi-4", input=URL, output=IMAGE)}],
    ids=["serving", "tuning"],
)
def test_a_gpu_that_no_image_serves_is_refused_with_a_machine_that_does(planned: Planned, parts: Any) -> None:
    drivers = DriverSet.of_classes(
        provisioners={"karpenter": KarpenterProvisioner},
        runtimes={"hf": NewGpusOnly},
        tuners={"qlora": NewGpusOnlyTuner},
    )
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku="Standard_NC6s_v3", drivers=drivers, **parts)
    (problem,) = refused.value.problems
    assert (problem.path, problem.reason) == ("resource.instanceType", "GpuTooOld")
    assert "NVIDIA V100 has compute capability 7.0, and the images of" in problem.message
    assert "would do" in problem.hint

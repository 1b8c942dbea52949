"""Where tests and what they share lie."""

from __future__ import annotations

import re
from pathlib import Path

FOLDERS = ("core/tests", "presets/tests", "plugins/*/tests", "tests", "benchmarks")
FROM_CONFTEST = re.compile(r"^\s*(from \S*\bconftest import|import \S*\bconftest\b)", re.MULTILINE)

CONTRACT = "the contract of llmwright.testing, kept by a whole driver"
MIRRORS_NOTHING = {
    "core/tests/artifacts/test_adapter_registry.py": "image_p*.py through real registries",
    "core/tests/artifacts/test_adapter_tools.py": "adapter_image.py and the programs of others",
    "core/tests/artifacts/test_download_addresses.py": "download.py: where it may go",
    "core/tests/artifacts/test_pulled_images.py": "image_pull.py: images of any layers",
    "core/tests/artifacts/test_registry_manners.py": "image_p*.py through registries of odd manners",
    "core/tests/artifacts/test_token_protocol.py": "image_p*.py through a registry with a token service",
    "core/tests/artifacts/test_transfer.py": "download.py: transfers that break",
    "core/tests/check/test_anything.py": "a law of all checks: any document gets a verdict",
    "core/tests/lifecycle/test_decide_laws.py": "laws of all decisions, over random worlds",
    "core/tests/plan/test_cluster_plan.py": "whole plans for a cluster, made by all files of the room",
    "core/tests/plan/test_local_plan.py": "whole plans for one machine, made by all files of the room",
    "core/tests/plan/test_plan_properties.py": "laws of all plans",
    "core/tests/testing/test_laws.py": "each law of the contracts, against a driver that breaks it",
    "core/tests/testing/test_mutants.py": "all contracts, against plugins with one mistake each",
    "core/tests/testing/test_objects_laws.py": "each law about objects, against a driver that breaks it",
    "plugins/provisioner_aks/tests/test_calls.py": "the calls of whole lifecycles, beside those of gpu-provisioner",
    "plugins/provisioner_aks/tests/test_contract.py": CONTRACT,
    "plugins/provisioner_aks/tests/test_schedules.py": "random schedules of harm, against a whole driver",
    "plugins/provisioner_karpenter/tests/test_contract.py": CONTRACT,
    "plugins/runtime_hf/tests/serve/test_left_answers.py": "connections, routes and engine when a client leaves",
    "plugins/runtime_hf/tests/serve/test_many_clients.py": "the process, its engine and its routes under many clients",
    "plugins/runtime_hf/tests/serve/test_slow_readers.py": "the process and clients that do not read",
    "plugins/runtime_hf/tests/serve/test_server_process.py": "the server as a process, from start to end",
    "plugins/runtime_hf/tests/test_contract.py": CONTRACT,
    "plugins/runtime_ray/tests/test_contract.py": CONTRACT,
    "plugins/runtime_vllm/tests/test_contract.py": CONTRACT,
    "plugins/tuning_qlora/tests/test_contract.py": CONTRACT,
    "presets/tests/test_shown_presets.py": "the presets as `presets show` prints them, read by the core",
    "plugins/tuning_qlora/tests/train/test_resume.py": "the trainer as a process that is killed and goes on",
    "plugins/tuning_qlora/tests/train/test_several_ranks.py": "the trainer as two processes",
    "presets/tests/test_catalogue_data.py": "the packaged YAML, which is no module",
    "presets/tests/test_contract.py": CONTRACT,
    "presets/tests/test_template_forms.py": "the packaged presets against the templates of the training tests",
}


def test_nothing_is_imported_from_a_conftest(root: Path) -> None:
    """Fixtures come by name; builders and records lie in ``tests/support`` or a folder ``support`` beside the tests."""
    files = [path for folder in FOLDERS for place in root.glob(folder) for path in place.rglob("*.py")]
    assert [str(path.relative_to(root)) for path in files if FROM_CONFTEST.search(path.read_text())] == []


def test_tests_lie_as_the_source_does(root: Path, projects: list[Path]) -> None:
    """``tests/X/test_y.py`` tests ``X/y.py`` or ``X/y/`` of the package, or of the project's own folders beside it."""
    alone = {
        str(test.relative_to(root))
        for project in projects
        for test in (project / "tests").rglob("test_*.py")
        if not any(path.exists() for path in places_of(test, project))
    }
    assert alone == MIRRORS_NOTHING.keys()


def places_of(test: Path, project: Path) -> list[Path]:
    """Return the places of what that file may test."""
    folder = test.parent.relative_to(project / "tests")
    name = test.stem.removeprefix("test_")
    places = [*(package / folder for package in (project / "src").iterdir()), project / folder]
    return [place / file for place in places for file in (f"{name}.py", name, f"__{name}__.py")]

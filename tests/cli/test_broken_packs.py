"""A pack of presets that is broken costs one line and its own presets; everybody else's are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

GOOD = (Path(__file__).parents[2] / "examples/plugins/preset_pack/acme_presets/smollm2.yaml").read_text()
HOOK = "from llmwright.plugins import hookimpl\nfrom pathlib import Path\n\n@hookimpl\ndef {hook}():\n    {body}\n"
SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: Standard_NV36ads_A10_v5, labelSelector: {matchLabels: {apps: x}}, provisioner: byo}
inference: {preset: {name: demo}, runtime: hf}
"""
Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("hook", "body", "said"),
    [
        ("presets", "return ['one.yaml', 'two.yaml']", "answered presets with a str, not a Traversable"),
        ("presets", "return 'one.yaml'", "answered presets with a str"),
        ("presets", "return 7", "failed in presets: TypeError"),
        ("presets", "raise OSError('disk gone')", "failed in presets: OSError: disk gone"),
        ("presets", "return [Path('/nowhere/at/all.yaml')]", "No such file"),
        ("instance_types", "return [None]", "answered instance_types with a NoneType"),
    ],
)
def test_a_hook_that_answers_nonsense_is_skipped(
    run: Run, written: Write, declared: Declare, hook: str, body: str, said: str
) -> None:
    module = f"acme_pack_{abs(hash(hook + body))}"
    declared("acme-pack", {"llmwright.hooks.v1": {"pack": module}}, {f"{module}.py": HOOK.format(hook=hook, body=body)})
    ran = run("plan", "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.err.splitlines() if "acme-pack" in line]
    assert said in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"kind: PresetFamily\npresets: [\n", "acme-pack 1.0"),
        (b"kind: PresetFamily\npresets: [{name: nameless}]\n", "acme-pack 1.0"),
        (b"\xff\xfekind: PresetFamily\n", "is left out"),
        (GOOD.encode().replace(b"smollm2-135m-instruct", b"phi-4", 1), "preset 'phi-4' is already brought by"),
    ],
)
def test_a_broken_file_of_a_folder_is_left_out(
    run: Run, written: Write, declared: Declare, content: bytes, said: str
) -> None:
    files = {"acme_folder/good.yaml": GOOD, "acme_folder/spoilt.yaml": content}
    declared("acme-pack", {"llmwright.hooks.v1": {"pack": "acme_folder"}}, files)
    ran = run("presets", "list")
    assert ran.code == 0, ran.err
    assert {"smollm2-135m-instruct", "demo", "phi-4"} <= {line.split()[0] for line in ran.out.splitlines()}
    lines = [line for line in ran.err.splitlines() if said in line]
    assert len(lines) == 1, ran.err


def test_an_alias_of_one_pack_takes_no_name_of_another(run: Run, declared: Declare) -> None:
    alias = GOOD.replace("aliases: [", "aliases: [phi-4, ")
    declared("acme-pack", {"llmwright.hooks.v1": {"pack": "acme_alias"}}, {"acme_alias/a.yaml": alias})
    shown = run("presets", "show", "phi-4")
    assert (shown.code, "llmwright-presets" in shown.out) == (0, True), shown
    assert "alias 'phi-4' is already phi-4's" in shown.err

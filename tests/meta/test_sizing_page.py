"""The numbers on docs/sizing.md are those that are computed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.quantity import format_bytes
from llmwright.plugins.registry import Registry
from llmwright.sizing.dtypes import compute_dtype
from llmwright.sizing.serving_fit import ServingNeed, fit_serving
from llmwright.sizing.tuning_fit import TuningNeed, fit_tuning, lora_terms
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sizing.md"
HERE = InstanceType(name="here", cloud="local", memory_bytes=24 * 1024**3)
SHOWN = {
    "demo, here": ("demo", None),
    "phi-3-mini-4k on Standard_NC6s_v3": ("phi-3-mini-4k-instruct", "Standard_NC6s_v3"),
    "llama-3.1-8b on Standard_NV36ads_A10_v5": ("llama-3.1-8b-instruct", "Standard_NV36ads_A10_v5"),
}


def column(catalogue: Catalogue, preset_name: str, sku: str | None) -> dict[str, str]:
    preset = catalogue.preset(preset_name)
    machine = catalogue.instance_type(sku) if sku else HERE
    serving = fit_serving(preset, machine, ServingNeed())
    adapted = replace(preset, dtype=compute_dtype(machine, preset.dtype))
    context = min(preset.context, 8192)
    named = lora_terms(adapted, TuningNeed(quantization="nf4", targets=preset.lora_targets, context=context))
    tuning = fit_tuning(named, machine, dtype=adapted.dtype, context=context)
    return {
        "dtype": serving.dtype,
        "serving: context": str(serving.context),
        **amounts("serving", serving, "weights", "KV cache"),
        "serving: may use": format_bytes(serving.budget_bytes),
        **amounts("qlora", tuning, "weights", "activations", "LoRA and optimizer"),
    }


def amounts(role: str, fit: Fit, *names: str) -> dict[str, str]:
    sizes = {term.name: term.bytes for term in fit.terms}
    shown = {f"{role}: {name}": format_bytes(sizes[name]) for name in names}
    return {**shown, f"{role}: needed": format_bytes(fit.needed_bytes)}


def table() -> str:
    catalogue = Catalogue.of_plugins(Registry().hooks())
    columns = [column(catalogue, *shown) for shown in SHOWN.values()]
    lines = ["| | " + " | ".join(SHOWN) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(one[name] for one in columns) + " |" for name in columns[0]]
    return "\n".join(lines)


def test_the_table_is_current() -> None:
    found = re.search(r"<!-- terms -->\n(.*?)\n<!-- /terms -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == table()

"""The form of chat template that each preset of the catalogue has, and where its template was read.

A form is a name of ``tests.support.chat_templates``, so that it is in the circle of ``test_trained_is_served``;
``none`` is that of a model without a template. The real templates were read on 2026-11-30 in files that others publish,
and each was encoded by the tuner with the rows of the circle. Where none was found, ``read_in`` is empty, and the form
is that of the model's family.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

TRL = "trl 1.16.0, `chat_templates/{}.jinja`"
XINFERENCE = "xinference 4.1.0, `{}`"
LLAMA_CPP = "llama.cpp, `models/templates/{}` (read, not encoded)"


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """``pattern`` matches presets' names. The first that matches holds."""

    pattern: str
    form: str
    read_in: str = ""


PRESET_TEMPLATES: tuple[TemplateForm, ...] = (
    TemplateForm("demo", "chatml", "its own files"),
    TemplateForm("deepseek-r1-distill-*", "dropping", TRL.format("deepseek_r1_distill")),
    TemplateForm("deepseek-r1-0528", "dropping unopened", XINFERENCE.format("deepseek-r1-0528")),
    TemplateForm("deepseek-v3-0324", "chatml", XINFERENCE.format("deepseek-v3-0324")),
    TemplateForm("deepseek-v3.2", "dropping", XINFERENCE.format("DeepSeek-V3.2")),
    TemplateForm("deepseek-v4-*", "none"),
    TemplateForm("falcon-*", "none"),
    TemplateForm("gemma-3-*", "chatml", TRL.format("gemma3")),
    TemplateForm("gemma-4-*", "chatml", TRL.format("gemma4_v5")),
    TemplateForm("glm-5.2-fp8", "unended", XINFERENCE.format("glm-5.2")),
    TemplateForm("gpt-oss-*", "other end", TRL.format("gptoss")),
    TemplateForm("granite-4.1-8b", "chatml"),
    TemplateForm("kimi-k2.5", "chatml", XINFERENCE.format("Kimi-K2.5")),
    TemplateForm("kimi-k2.*", "chatml"),
    TemplateForm("llama-2-*-chat", "brackets", XINFERENCE.format("llama-2-chat")),
    TemplateForm("llama-2-*", "none", "a model without a template"),
    TemplateForm("llama-3.1-*", "headers", TRL.format("llama3_1")),
    TemplateForm("llama-3.3-*", "headers", XINFERENCE.format("llama-3.3-instruct")),
    TemplateForm("minimax-m2.7", "thinking", XINFERENCE.format("MiniMax-M2.7")),
    TemplateForm("mistral-7b-instruct-v0.3", "late system", XINFERENCE.format("mistral-instruct-v0.3")),
    TemplateForm("mistral-7b-v0.3", "none", "a model without a template"),
    TemplateForm("ministral-3-*", "brackets"),
    TemplateForm("mistral-*", "brackets"),
    TemplateForm("nvidia-nemotron-3-nano-*", "thinking", TRL.format("nemotron_3_nano")),
    TemplateForm("nvidia-nemotron-3-super-*", "thinking", TRL.format("nemotron_3_super")),
    TemplateForm("nvidia-nemotron-3-ultra-*", "thinking", TRL.format("nemotron_3_ultra")),
    TemplateForm("nvidia-nemotron-nano-9b-v2", "thinking calls", LLAMA_CPP.format("NVIDIA-Nemotron-Nano-v2.jinja")),
    TemplateForm("nvidia-nemotron-nano-12b-v2-*", "thinking calls"),
    TemplateForm("nemotron-cascade-2-*", "thinking"),
    TemplateForm("phi-2", "none", "a model without a template"),
    TemplateForm("phi-3-small-*", "tailed"),
    TemplateForm("phi-3.5-mini-instruct", "tailed", TRL.format("phi3_5")),
    TemplateForm("phi-3-*", "tailed", TRL.format("phi3")),
    TemplateForm("phi-4-mini-instruct", "tailed", LLAMA_CPP.format("llama-cpp-microsoft-Phi-4-mini-instruct.jinja")),
    TemplateForm("phi-4", "chatml", "unsloth 2026.10.9, `phi-4`"),
    TemplateForm("qwen2.5-coder-*", "chatml", XINFERENCE.format("qwen2.5-coder-instruct")),
    TemplateForm("qwen3-8b-awq", "reasoning", TRL.format("qwen3")),
    TemplateForm("qwen3.5-*", "thinking calls", TRL.format("qwen3_5_think")),
    TemplateForm("qwen3.6-*", "thinking calls", TRL.format("qwen3_6")),
    TemplateForm("qwen3.8-*", "chatml", TRL.format("qwen3_8")),
)


def template_form(preset: str) -> TemplateForm | None:
    """Return the form of the preset's template, None where nobody has said it."""
    return next((row for row in PRESET_TEMPLATES if fnmatchcase(preset, row.pattern)), None)


def table() -> str:
    """Return the table of ``docs/training-data.md``."""
    rows = (f"| `{row.pattern}` | {row.form} | {row.read_in or 'not seen'} |" for row in PRESET_TEMPLATES)
    return "\n".join(("| presets | form | template read in |", "|---|---|---|", *rows)) + "\n"

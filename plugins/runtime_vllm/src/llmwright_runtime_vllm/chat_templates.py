"""Chat templates of presets for tool calls: files that vLLM's image holds under names of its own."""

from __future__ import annotations

FOLDER = "/vllm-workspace/examples"
"""The folder of examples in ``vllm/vllm-openai`` (vLLM's ``docker/Dockerfile``: ``COPY examples examples``)."""

_KAITO = "tool-chat-"
_VLLM = "tool_chat_template_"


def template_file(name: str) -> str:
    """Return the path in the image of the template that a preset names.

    KAITO's ``tool-chat-phi4-mini.jinja`` is vLLM's ``tool_chat_template_phi4_mini.jinja``. A path stays as it is.
    """
    if "/" in name:
        return name
    if not name.startswith(_KAITO):
        return f"{FOLDER}/{name}"
    return f"{FOLDER}/{_VLLM}{name.removeprefix(_KAITO).replace('-', '_')}"

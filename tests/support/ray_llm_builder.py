"""Asks Ray Serve LLM and vLLM; run by their Python. Flags come as JSON on stdin, the last line has the answers."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any


def built(argv: list[str]) -> dict[str, Any]:
    """Return what the application's own builder makes of its flags, or what is said against them."""
    options = import_module("llmwright_runtime_ray.serve.options").parse(argv, {})
    llm_app = import_module("llmwright_runtime_ray.serve.llm_app")
    engine = import_module("ray.llm._internal.serve.engines.vllm.vllm_engine")
    arguments = import_module("vllm.engine.arg_utils").AsyncEngineArgs
    try:
        config = llm_app.llm_config(options, options.vllm)
        given = engine._normalize_vllm_engine_kwargs(config.get_engine_config().get_initialization_kwargs())
        read = arguments(**given)
        deployment = config.server_cls.get_deployment_options(config)
        import_module("llmwright_runtime_ray.serve.app").build({"argv": argv})
    except Exception as error:
        return {"against": repr(error)}
    return {
        "against": None,
        "bundles": deployment["placement_group_bundles"],
        "parallel": [read.tensor_parallel_size, read.pipeline_parallel_size],
        "autoscaling": deployment["autoscaling_config"],
        "backend": given["distributed_executor_backend"],
        "adapters": [module.name for module in config.engine_kwargs.get("lora_modules", ())],
        "template": config.engine_kwargs.get("chat_template"),
    }


if __name__ == "__main__":
    print(json.dumps([built(argv) for argv in json.load(sys.stdin)]))

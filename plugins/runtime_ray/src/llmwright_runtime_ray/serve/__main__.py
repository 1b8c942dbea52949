"""``python -m llmwright_runtime_ray.serve``. Exit codes: 0 a signal, 1 a fault or a bug, 2 an error to fix."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import NoReturn

from llmwright.errors import ConfigError, LLMwrightError
from llmwright.plugins.installing import pip_install
from llmwright_runtime_hf.serve.listener import bind
from llmwright_runtime_hf.serve.log_limit import set_up_logging
from llmwright_runtime_hf.serve.model_files import check_model_files
from llmwright_runtime_hf.serve.signals import end_quietly_on_signals, end_with_parent
from llmwright_runtime_ray.command_line import ARGV_VARIABLE
from llmwright_runtime_ray.serve.options import RayOptions, parse

NEEDED = "llmwright-runtime-ray[serve]"


def main() -> int:
    """Serve until a signal comes, and return the exit code."""
    set_up_logging()
    try:
        _serve(parse(sys.argv[1:], os.environ))
        return 0
    except LLMwrightError as error:
        failure: LLMwrightError = error
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("llmwright"):
            raise
        failure = ConfigError(f"the package {error.name.partition('.')[0]} is missing", hint=pip_install(NEEDED))
    print(f"error: {failure.message}{f' ({failure.hint})' if failure.hint else ''}", file=sys.stderr)
    return failure.exit_code


def _serve(options: RayOptions) -> None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    if not options.engine.trust_remote_code:
        os.environ["USE_HUB_KERNELS"] = "NO"
    os.environ[ARGV_VARIABLE] = json.dumps(sys.argv[1:])
    end_quietly_on_signals()
    if options.engine.exit_with_parent:
        end_with_parent()
    check_model_files(options.engine)
    # Before the slow start, so that a port in use is an error at once; Ray Serve's proxy opens it again.
    with bind(options.engine.host, options.engine.port) as listener:
        port = listener.getsockname()[1]
    logging.getLogger("llmwright.serve").info("starting Ray for http://%s:%s", options.engine.host, port)
    from llmwright_runtime_ray.serve.running_application import serve_until_signal

    serve_until_signal(options, port)


def run() -> NoReturn:
    """Run the program ``llmwright-ray-serve``."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # No normal exit: Ray's own handlers at the exit of the interpreter wait for a cluster that may be gone.
    os._exit(code)


if __name__ == "__main__":
    run()

"""``python -m llmwright_runtime_hf.serve``. Exit codes: 0 a signal, 1 a bug, 2 an error that the user can fix."""

from __future__ import annotations

import logging
import os
import sys

from llmwright.errors import ConfigError, LLMwrightError
from llmwright.plugins.installing import pip_install
from llmwright.values.weight_reasons import error_line
from llmwright_runtime_hf.serve.listener import bind, url_of
from llmwright_runtime_hf.serve.log_limit import set_up_logging
from llmwright_runtime_hf.serve.model_files import check_model_files, fetched
from llmwright_runtime_hf.serve.serve_options import ServeOptions, parse_options
from llmwright_runtime_hf.serve.signals import end_quietly_on_signals, end_with_parent

NEEDED = "llmwright-runtime-hf[serve]"


def main() -> int:
    """Serve until a signal comes, and return the exit code."""
    set_up_logging()
    try:
        options = parse_options(sys.argv[1:], os.environ)
        failure = _serve(options)
    except LLMwrightError as error:
        failure = error
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("llmwright"):
            raise
        failure = ConfigError(f"the package {error.name.partition('.')[0]} is missing", hint=pip_install(NEEDED))
    if failure is None:
        return 0
    print(error_line(failure), file=sys.stderr)
    return failure.exit_code


def _serve(options: ServeOptions) -> LLMwrightError | None:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Without it, transformers sends a model that has only a pickle to a service that converts it.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    if not options.trust_remote_code:
        # A config.json may name attention code of the hub, which transformers loads where `kernels` is installed.
        os.environ["USE_HUB_KERNELS"] = "NO"
    end_quietly_on_signals()
    if options.exit_with_parent:
        end_with_parent()
    check_model_files(options)
    # The port before the slow imports, so that a port in use is an error at once.
    with bind(options.host, options.port) as listener:
        logging.getLogger("llmwright.serve").info("listening on %s", url_of(listener))
        options = fetched(options)
        from llmwright_runtime_hf.serve.uvicorn_server import serve

        return serve(options, listener)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # No normal exit: the model thread may still be inside a native call, and can crash when the interpreter ends.
    os._exit(code)

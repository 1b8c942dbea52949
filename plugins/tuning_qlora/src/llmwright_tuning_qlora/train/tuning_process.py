"""The tuning process. Exit codes: 0 done, 1 failed, 2 an error of the user, 130 interrupted, 143 terminated."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.plugins.large_imports import collector_paused
from llmwright.values.weight_reasons import error_line
from llmwright_tuning_qlora.train.exception_mapping import map_exception
from llmwright_tuning_qlora.train.progress_reporter import ProgressReporter, open_reporter
from llmwright_tuning_qlora.train.termination import Termination, end_with_parent
from llmwright_tuning_qlora.train.tuning_options import TuningOptions, parse_options

INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run once, and return the exit code. An error is one line, the last on standard error."""
    try:
        options = parse_options(argv)
    except LLMwrightError as error:
        return _fail(error)
    # Without it, transformers sends a model that has only a pickle to a service that converts it.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    if not options.config.model.trust_remote_code:
        # A config.json may name attention code of the hub, which transformers loads where `kernels` is installed.
        os.environ["USE_HUB_KERNELS"] = "NO"
    termination = Termination()
    # The handler before the slow imports: a SIGTERM during them would end the process with another exit code.
    termination.handle_sigterm()
    if options.exit_with_parent:
        end_with_parent()
    try:
        # Only the first rank reports: the others would write the same events into the same file.
        progress = open_reporter(options.progress) if os.environ.get("RANK", "0") == "0" else ProgressReporter()
    except OSError as error:
        message = f"cannot write progress to {options.progress}: {error.strerror}"
        return _fail(ConfigError(message, hint="name another file"))
    with progress:
        return _run(options, progress, termination)


def _run(options: TuningOptions, progress: ProgressReporter, termination: Termination) -> int:
    with collector_paused():
        from llmwright_tuning_qlora.train.pipeline import run_pipeline

    try:
        run_pipeline(options, progress, termination)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        with contextlib.suppress(OSError):
            progress.emit("stopped", message="a checkpoint was kept" if termination.requested else "before training")
        raise end from None
    except Exception as error:
        known = _known(error, options)
        # The disk that is full may be that of the progress file.
        with contextlib.suppress(OSError):
            progress.emit("failed", reason=known.reason, message=known.message, hint=known.hint)
        return _fail(known)
    return 0


def _known(error: Exception, options: TuningOptions) -> LLMwrightError:
    known = map_exception(error, str(options.output))
    if known is not None:
        return known
    traceback.print_exception(error, file=sys.stderr)
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return TargetError(message, hint="this is a bug: report it with the lines above", reason="InternalError")


def _fail(error: LLMwrightError) -> int:
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)
    print(error_line(error), file=sys.stderr, flush=True)
    return error.exit_code

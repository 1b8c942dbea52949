"""The process: options in, exit code out. 0 done, 1 failed, 2 the user's mistake, 130 interrupted, 143 terminated."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright_tuning_qlora.train.exception_mapping import explain
from llmwright_tuning_qlora.train.progress_reporter import Reporter, reporter
from llmwright_tuning_qlora.train.termination import Stop, follow_parent
from llmwright_tuning_qlora.train.tuning_options import Options, parse

INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run once. The last line on standard error is the one clear error, if any."""
    try:
        options = parse(argv)
    except LLMwrightError as error:
        return _fail(error)
    stop = Stop()
    stop.listen()
    if options.exit_with_parent:
        follow_parent()
    try:
        told = reporter(options.progress) if os.environ.get("RANK", "0") == "0" else Reporter()
    except OSError as error:
        message = f"cannot write progress to {options.progress}: {error.strerror}"
        return _fail(ConfigError(message, hint="name another file"))
    with told:
        return _carry_out(options, told, stop)


def _carry_out(options: Options, told: Reporter, stop: Stop) -> int:
    from llmwright_tuning_qlora.train.pipeline import run

    try:
        run(options, told, stop)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        with contextlib.suppress(OSError):
            told.tell("stopped", message="a checkpoint was kept" if stop.requested else "before training")
        raise end from None
    except Exception as error:
        known = _known(error, options)
        # A full disk may well hold the progress file too.
        with contextlib.suppress(OSError):
            told.tell("failed", reason=known.reason, message=known.message, hint=known.hint)
        return _fail(known)
    return 0


def _known(error: Exception, options: Options) -> LLMwrightError:
    known = explain(error, str(options.output))
    if known is not None:
        return known
    traceback.print_exception(error, file=sys.stderr)
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return TargetError(message, hint="this is a bug: report it with the lines above", reason="InternalError")


def _fail(error: LLMwrightError) -> int:
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)
    message = "; ".join(error.message.splitlines())
    print(f"error: {message} ({error.hint})" if error.hint else f"error: {message}", file=sys.stderr, flush=True)
    return error.exit_code

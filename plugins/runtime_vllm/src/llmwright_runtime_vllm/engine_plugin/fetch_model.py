"""``python -m llmwright_engine_plugin.fetch_model``: the weights of a model of the hub, before the engine starts.

It runs in the engine's image, and brings the files that the engine would bring, by the engine's own library and to the
same place, where the engine finds them. Meanwhile it tells how far it is. Config and tokenizer, which are small, the
engine still brings itself. Beside the standard library it needs ``huggingface_hub`` and the modules of the core that
``plugin_files.CARRIED`` lays beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from llmwright.artifacts.transfer_events import TransferEvents
from llmwright.plugins.progress_server import Tell, downloads_told

LOOK_S = 0.5
BLOCK_BYTES = 512
"""The unit of ``st_blocks``, whatever the file system's own blocks are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch, and return the exit code: 1, after one line on standard error, where the hub gives no model."""
    options = _parser().parse_args(arguments)
    # The library's bars would fill the log, line after line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        from huggingface_hub import constants
    except ModuleNotFoundError:
        print("this image has no huggingface_hub: the engine fetches the model by itself")
        return 0
    if constants.HF_HUB_OFFLINE:
        print("HF_HUB_OFFLINE is set: nothing is fetched")
        return 0
    try:
        print(_fetch(options))
    except Exception as error:
        # One line, by which the cause is known: a traceback could be longer than what Kubernetes keeps of a log's end.
        print(f"error: {last_line(error)}", file=sys.stderr)
        return 1
    return 0


def _fetch(options: argparse.Namespace) -> str:
    """Return the directory with the files, and tell the progress where the environment names a port for it."""
    import huggingface_hub

    ended = threading.Event()
    with downloads_told() as tell:
        if tell is not None:
            threading.Thread(target=_watch, args=(options, tell, ended), daemon=True).start()
        try:
            return str(
                huggingface_hub.snapshot_download(
                    options.model,
                    revision=options.revision,
                    cache_dir=options.to,
                    allow_patterns=options.files,
                    ignore_patterns=options.ignore,
                )
            )
        finally:
            ended.set()


def _watch(options: argparse.Namespace, tell: Tell, ended: threading.Event) -> None:
    """Tell the bytes that are there, several times a second."""
    try:
        sizes = _sizes(options)
    except Exception:
        # The library, which asks the hub for the same, says what is wrong.
        return
    blobs = Path(options.to) / f"models--{options.model.replace('/', '--')}" / "blobs"
    total, events = sum(sizes.values()), TransferEvents("download", tell)
    while not ended.wait(LOOK_S):
        events(sum(present_bytes(blobs / name, size) for name, size in sizes.items()), total)


def _sizes(options: argparse.Namespace) -> dict[str, int]:
    """Return the size of each file to fetch, by the name of its blob in the cache."""
    import huggingface_hub

    about = huggingface_hub.HfApi().model_info(options.model, revision=options.revision, files_metadata=True)
    # As the library chooses them (``filter_repo_objects``).
    return dict(
        _blob(file)
        for file in about.siblings or ()
        if fnmatch(file.rfilename, options.files) and not fnmatch(file.rfilename, options.ignore)
    )


def _blob(file: Any) -> tuple[str, int]:
    """Return name and size of a file's blob: large files have the name of their sha256, others that of git."""
    large = file.lfs
    if not large:
        return str(file.blob_id), int(file.size or 0)
    # An object; a mapping in some releases of the library.
    about = large if isinstance(large, Mapping) else vars(large)
    return str(about["sha256"]), int(about["size"])


def present_bytes(blob: Path, size: int) -> int:
    """Return how many of the ``size`` bytes of a file are there: all once it has its name, before that its parts."""
    try:
        return min(size, blob.stat().st_size)
    except OSError:
        pass
    # A part may have its whole length before its bytes came: what counts is the room that it takes.
    abouts = (path.stat() for path in blob.parent.glob(f"{blob.name}*.incomplete"))
    try:
        return min(size, max((min(part.st_size, part.st_blocks * BLOCK_BYTES) for part in abouts), default=0))
    except OSError:
        # It was renamed meanwhile.
        return size


def last_line(error: Exception) -> str:
    """Return the words by which the Workspace knows the cause: those of the library, or that the hub is not reached."""
    from huggingface_hub import constants

    text = " ".join(str(error).split())
    if type(error).__module__.partition(".")[0] in ("httpx", "httpcore", "requests", "urllib3"):
        return f"HubUnreachable: the hub at {constants.ENDPOINT} does not answer: {text}"
    return f"{type(error).__name__}: {text}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Fetch the weights of a model of the hub.", allow_abbrev=False)
    parser.add_argument("--model", required=True, help="ORG/NAME")
    parser.add_argument("--revision", required=True, help="commit, tag or branch")
    parser.add_argument("--to", required=True, help="directory, in the layout of the hub's cache")
    parser.add_argument("--files", required=True, help="pattern of the files to fetch")
    parser.add_argument("--ignore", required=True, help="pattern of files that are left out")
    return parser


if __name__ == "__main__":
    sys.exit(main())

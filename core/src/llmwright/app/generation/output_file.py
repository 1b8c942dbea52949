"""The file of answers: each line is written once and whole, and a run goes on where another was ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from llmwright.app.generation.input_file import LineRequest
from llmwright.errors import ConfigError, TargetError
from llmwright.reading.files import Unreadable, is_directory, is_file, is_there, user_path
from llmwright.reading.json_reader import read_json

OTHER = "give another file, or --overwrite"
_MOST_LINE = 256 * 1024 * 1024


class OutputFile:
    """The answers to ``requests`` at ``path``, for ``with``. Nobody else may write there meanwhile."""

    def __init__(self, path: str | Path, requests: Sequence[LineRequest], *, overwrite: bool = False) -> None:
        self._path = check_output(path)
        self._requests = {request.custom_id: request for request in requests}
        self._overwrite = overwrite
        self.answered = 0
        self.failed = 0
        self._done: set[str] = set()

    def __enter__(self) -> OutputFile:
        """Open the file, and read what stands there.

        Raises:
            ConfigError: it cannot be written, another run writes it, or its answers are those of other requests.
        """
        try:
            # Not blocking: the opening of a pipe that nobody reads would wait for ever.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._file = os.open(self._path, flags, 0o666)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "is no file"
            raise ConfigError(f"{self._path} cannot be written: {why or error}") from error
        try:
            self._lock()
            if self._overwrite:
                os.ftruncate(self._file, 0)
            else:
                self._take_up()
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)

    @property
    def open_requests(self) -> list[LineRequest]:
        """The requests without an answer, in their order."""
        return [request for name, request in self._requests.items() if name not in self._done]

    def write(self, request: LineRequest, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> None:
        """Add the line of ``request``.

        Raises:
            TargetError: the disk is full, or the file is gone.
        """
        line = {"id": request.digest, "custom_id": request.custom_id, "response": response, "error": error}
        content = memoryview(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        end = os.fstat(self._file).st_size
        try:
            # Not through a buffer: a run that is killed has lost no answer that it showed as written.
            while content:
                content = content[os.write(self._file, content) :]
        except OSError as failure:
            self._cut(end)
            raise TargetError(f"{self._path} cannot be written: {failure.strerror}") from failure
        self._count(line)

    def _cut(self, end: int) -> None:
        """Take back half a line; a later run would cut it off too."""
        try:
            os.ftruncate(self._file, end)
        except OSError:
            return

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another run writes {self._path}", hint="wait for it, or give another file") from None

    def _take_up(self) -> None:
        """Count the lines that are there, and cut off the last one where it is not whole: that run was killed."""
        whole = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_MOST_LINE), b""), 1):
                if not line.endswith(b"\n") and len(line) < _MOST_LINE:
                    break
                self._count(self._line(line, number))
                whole += len(line)
        os.ftruncate(self._file, whole)

    def _line(self, text: bytes, number: int) -> Mapping[str, Any]:
        try:
            line = read_json(text.decode(), _MOST_LINE)
        except ValueError:
            line = None
        name = line.get("custom_id") if isinstance(line, dict) else None
        if not isinstance(line, dict) or not isinstance(name, str):
            raise ConfigError(f"{self._path}:{number}: is no answer of the verb generate", hint=OTHER)
        request = self._requests.get(name)
        if request is None or line.get("id") != request.digest:
            why = "the requests do not have it" if request is None else "model, options or text differ"
            raise ConfigError(f"{self._path}:{number}: answers another request {name!r}: {why}", hint=OTHER)
        if name in self._done:
            raise ConfigError(f"{self._path}:{number}: answers {name!r} once more", hint=OTHER)
        return line

    def _count(self, line: Mapping[str, Any]) -> None:
        self._done.add(line["custom_id"])
        response = line.get("response")
        good = isinstance(response, Mapping) and response.get("status_code") == 200
        self.answered += good
        self.failed += not good


def check_output(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file for answers.

    Raises:
        ConfigError: no file can have the name, or something else is there.
    """
    try:
        output = user_path(Path(path))
    except Unreadable as error:
        raise ConfigError(f"{path}: {error}") from error
    if is_there(output) and not is_file(output):
        # A device or a pipe cannot be read to its end, nor gone on with.
        kind = "a directory" if is_directory(output) else "no regular file"
        raise ConfigError(f"{path} is {kind}", hint="name a file for the answers")
    return output

"""The operator's log, for people or for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from llmwright.targets.kubernetes.operator.pass_log import pass_fields

Format = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``time``, ``level``, ``logger``, ``message`` and, with an exception, ``traceback``.

        Lines of a pass have ``namespace``, ``name`` and ``reconcileID`` too.
        """
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            # The handler formats in the thread that writes the line.
            **pass_fields(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(style: Format, *, verbose: bool = False) -> None:
    """Write the log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    # A line for each request would bury the operator's own: it asks a pod that tunes every 5 s.
    for library in ("urllib3", "httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)

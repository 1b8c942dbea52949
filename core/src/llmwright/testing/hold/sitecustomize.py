"""Holds up this process at its first look into the folder ``LLMWRIGHT_HOLD_MODEL``, until a file says go on.

Found by Python at its start, through PYTHONPATH: a law needs a load that lasts as long as it likes.
"""

import os
import sys
import time
from pathlib import Path

_MODEL, _SIGNS = os.environ.get("LLMWRIGHT_HOLD_MODEL", ""), os.environ.get("LLMWRIGHT_HOLD_SIGNS", "")
_passed = not (_MODEL and _SIGNS)


def _hold(event: str, arguments: tuple[object, ...]) -> None:
    global _passed
    if _passed or event != "open" or not str(arguments[0]).startswith(_MODEL):
        return
    Path(_SIGNS, "held").touch()
    while not Path(_SIGNS, "go").exists():
        time.sleep(0.02)
    _passed = True


sys.addaudithook(_hold)

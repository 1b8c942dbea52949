"""Findings as a person reads them: problems with their remedy, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.values.nodes import Finding

WORDS = {"ok": "ok", "problem": "problem", "unchecked": "not checked"}
STYLES = {"ok": "green", "problem": "bold red", "unchecked": "yellow"}
WIDTH = max(map(len, WORDS.values()))


def show_findings(findings: Iterable[Finding], console: Console) -> None:
    """Print a line for each finding, and below it the remedy where there is one."""
    from rich.text import Text

    for finding in findings:
        line = Text(WORDS[finding.state].ljust(WIDTH), style=STYLES[finding.state])
        line.append(f"  {finding.about}: {finding.message}", style="default")
        console.print(line, soft_wrap=True, highlight=False)
        if finding.hint:
            console.print(f"{'':{WIDTH}}  {finding.hint}", style="dim", soft_wrap=True, highlight=False, markup=False)

"""The fault of a text that is no YAML, in the words of who wrote or pasted it."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from llmwright.errors import Problem

_FENCE = re.compile(r"^[ ]*(?:```|~~~)", re.MULTILINE)
_HERE_DOCUMENT = r"[^:#\n]*<<-?[ ]*['\"]?\w+['\"]?[^:\n]*"
_COMMAND = r"(?:kubectl|cat|helm|az|sudo)[ ][^:\n]*"
_SHELL = re.compile(rf"^[ ]*(?:[$%>][ ]+)?(?:{_HERE_DOCUMENT}|{_COMMAND})$", re.MULTILINE)
_TEMPLATE = re.compile(r"\{\{|\{%")
_BLANKS = re.compile("[\u00a0\u2007\u202f\u3000\u200b\u2060\ufeff]")
"""Blanks that look like a space, or like nothing: pages of the web and word processors put them into code."""


def syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    """Return the problem of a text that the parser refuses."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    tab = _tab_near(text, line)
    if tab is not None:
        hint = "indent with spaces, two for each level"
        return Problem("", "a tab where YAML wants spaces", hint, *tab, reason="BadSyntax")
    message = ", ".join(part for part in (error.context, error.problem) if part)
    return Problem("", f"not valid YAML: {message}", _hint(error), line, column, reason="BadSyntax")


def explained(problem: Problem, text: str) -> Problem:
    """Return ``problem`` as what was pasted or left in ``text``, where that is to be seen: else unchanged.

    A parser stops where its rules end, often lines after the cause.
    """
    if problem.line is None:
        return problem
    if fence := _FENCE.search(text):
        hint = "leave out the lines with ``` around the YAML"
        return _at(problem, "a mark of Markdown, which is no YAML", hint, text, fence.start())
    if shell := _SHELL.search(text):
        hint = "leave out the lines of the shell, and the EOF at the end"
        return _at(problem, "a command of a shell, which is no YAML", hint, text, shell.start())
    lines = text.split("\n")
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    if template := _TEMPLATE.search(line):
        hint = "fill it in, or render the template first (`helm template`)"
        return replace(problem, message="a placeholder of a template", hint=hint, column=template.start() + 1)
    if (blank := _blank_near(lines, problem.line)) is not None:
        number, column, character = blank
        message = f"a character that only looks like a space (U+{ord(character):04X})"
        return replace(problem, message=message, hint="type a space in its place", line=number, column=column)
    return problem


def _at(problem: Problem, message: str, hint: str, text: str, start: int) -> Problem:
    return replace(problem, message=message, hint=hint, line=text.count("\n", 0, start) + 1, column=1)


def _blank_near(lines: list[str], line: int) -> tuple[int, int, str] | None:
    for number in (line, line - 1):
        found = _BLANKS.search(lines[number - 1]) if 0 < number <= len(lines) else None
        if found and not (number == 1 and found.start() == 0 and found[0] == "\ufeff"):
            return number, found.start() + 1, found[0]
    return None


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "mapping values are not allowed" in problem:
        return "put quotes around a value that holds ': '"
    if "expected <block end>" in problem or "did not find expected key" in problem:
        return "look at the indentation of this line and the one above"
    return ""


def _tab_near(text: str, line: int | None) -> tuple[int, int] | None:
    """Find a tab in the indentation of that line or the line before: libyaml's own message would mislead there."""
    lines = text.splitlines()
    for number in (line, line - 1) if line else ():
        tab = re.match(r"[ ]*(?:-[ ]+)*\t", lines[number - 1]) if 0 < number <= len(lines) else None
        if tab:
            return number, tab.end()
    return None

"""``ModelConfig.chat_template``, which is the text of a Jinja template or the path of a file with one."""

from __future__ import annotations

import re

_MARK = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")
"""transformers' own tag for the words to learn."""


def names_file(written: str) -> bool:
    """Return whether ``written`` is a path: a template has braces, and most have lines."""
    return "{" not in written and "\n" not in written


def template_fault(text: str) -> str:
    """Return a clause that says why ``text`` is no template; empty for one, and where jinja2 is not installed."""
    if not text.strip():
        return "is empty"
    try:
        from jinja2 import Environment, TemplateSyntaxError
    except ImportError:
        return ""
    # A condition in the place of transformers' tag, which plain Jinja does not know.
    plain = _MARK.sub(lambda mark: f"{{%{mark[1]} {'endif' if mark[2] else 'if true'} {mark[3]}%}}", text)
    try:
        # Nothing is rendered here.
        Environment(extensions=["jinja2.ext.loopcontrols"], autoescape=True).parse(plain)
    except TemplateSyntaxError as error:
        return f"is no Jinja template: line {error.lineno}: {error.message}"
    except RecursionError:
        return "is nested too deep"
    return ""

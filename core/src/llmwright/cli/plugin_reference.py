"""The reference for authors of plugins, from the docstrings of the interfaces: methods, declarations and values."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from textwrap import indent

_VALUES = "llmwright.values."
_PLUGINS = "llmwright.plugins."
_LAUNCH = ("preset", "fit", "launch")

Pages = Mapping[str, Sequence[str]]
"""Modules, each with the names to show of it; none for all that are public."""


def _driver(kind: str, plugins: Sequence[str], values: Sequence[str]) -> Pages:
    """Return what an author of that kind of driver needs."""
    return {
        f"{_PLUGINS}drivers": (kind,),
        f"{_PLUGINS}driver": ("Driver",),
        **{_PLUGINS + name: () for name in ("context", *plugins)},
        **{_VALUES + name: () for name in values},
        "llmwright.errors": ("Problem", "InvalidWorkspace", "TargetError"),
    }


PAGES: Mapping[str, Pages] = {
    "provisioner": _driver(
        "Provisioner",
        ("declarations", "machines", "cloud_api"),
        ("nodes", "instance_type", "snapshot", "node_object"),
    ),
    "runtime": _driver(
        "Runtime", ("declarations", "demand", "weights", "programs", "chat_server"), (*_LAUNCH, "adapter", "nodes")
    ),
    "tuner": _driver(
        "Tuner", ("declarations", "module_tuner", "trainer", "weights", "programs"), (*_LAUNCH, "tuning_data")
    ),
    "policy": {
        f"{_PLUGINS}hookspecs": (),
        "llmwright.api.workspace": (),
        "llmwright.api.status": (),
        f"{_VALUES}plan": (),
        f"{_VALUES}preset": (),
        "llmwright.errors": ("Problem",),
    },
    "presets": {},
}


def reference(kind: str, names: Sequence[str] = ()) -> str:
    """Return the reference for plugins of ``kind``, as Markdown; with ``names`` of these classes and functions alone.

    Nothing is returned where there are none of these names.
    """
    if kind == "presets":
        return "\n\n".join(_keys(file) for file in ("PresetFamily", "InstanceTypes"))
    return "\n\n".join(filter(None, (_page(module, shown, names) for module, shown in PAGES[kind].items())))


def _page(name: str, shown: Sequence[str], names: Sequence[str]) -> str:
    module = import_module(name)
    tree = ast.parse(inspect.getsource(module))
    public = shown or getattr(module, "__all__", ()) or _public(tree)
    wanted = [each for each in public if not names or each in names]
    parts = [part for node, doc in _documented(tree.body) for part in _entry(node, doc, wanted)]
    title = [f"# {name}", ast.get_docstring(tree) or ""] if not names else [f"# {name}"]
    return "\n\n".join(filter(None, (*title, *parts))) if parts else ""


def _public(tree: ast.Module) -> list[str]:
    return [name for node in tree.body for name in _names(node) if not name.startswith("_")]


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _documented(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each statement with its docstring: its own, or the text below an attribute."""
    for number, node in enumerate(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node, ast.get_docstring(node) or ""
            continue
        after = body[number + 1] if number + 1 < len(body) else None
        text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        yield node, inspect.cleandoc(text) if isinstance(text, str) else ""


def _entry(node: ast.stmt, doc: str, wanted: Sequence[str]) -> Iterator[str]:
    if not any(name in wanted for name in _names(node)):
        return
    if not isinstance(node, ast.ClassDef):
        yield f"## {_signature(node)}\n\n{doc}".rstrip()
        return
    bases = ", ".join(map(ast.unparse, node.bases))
    keywords = "\n\nMade by keywords alone." if _is_by_keywords(node) else ""
    yield f"## class {node.name}" + (f"({bases})" if bases else "") + f"\n\n{doc}".rstrip() + keywords
    for member, text in _documented(node.body):
        names = _names(member)
        if names and not names[0].startswith("_"):
            described = text or _described(member)
            yield (
                f"`{_signature(member)}`"
                + (", to be written" if _is_abstract(member) else "")
                + (f"\n\n{indent(described, '    ')}" if described else "")
            )


def _signature(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef):
        answer = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
        kinds = {ast.unparse(each) for each in node.decorator_list}
        if "property" in kinds or "cached_property" in kinds:
            return f"{node.name}: {answer.removeprefix(' -> ')}"
        return f"{node.name}({ast.unparse(node.args)}){answer}"
    if isinstance(node, ast.AnnAssign) and _field(node) is not None:
        default = [ast.unparse(each.value) for each in _keywords(node) if each.arg == "default"]
        return f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}" + "".join(f" = {each}" for each in default)
    return ast.unparse(node)


def _is_by_keywords(node: ast.ClassDef) -> bool:
    return any("kw_only=True" in ast.unparse(each) for each in node.decorator_list)


def _is_abstract(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and "abstractmethod" in map(ast.unparse, node.decorator_list)


def _described(node: ast.stmt) -> str:
    """Return the description of a pydantic field."""
    texts = (each.value for each in _keywords(node) if each.arg == "description")
    return next((str(text.value) for text in texts if isinstance(text, ast.Constant)), "")


def _keywords(node: ast.stmt) -> list[ast.keyword]:
    field = _field(node)
    return field.keywords if field is not None else []


def _field(node: ast.stmt) -> ast.Call | None:
    call = node.value if isinstance(node, ast.AnnAssign) else None
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("Field", "field")
    return call if named and isinstance(call, ast.Call) else None


def _keys(kind: str) -> str:
    """Return the keys of a pack's file with their meanings."""
    from llmwright.catalogue.pack import SCHEMAS

    return f"# kind: {kind}\n\n" + "\n".join(_schema_lines(SCHEMAS[kind](), ""))


def _schema_lines(schema: Mapping[str, object], margin: str) -> Iterator[str]:
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    for name, about in properties.items() if isinstance(properties, Mapping) else ():
        must = ", required" if isinstance(required, list) and name in required else ""
        yield f"{margin}* `{name}`{must}: {about.get('description', '')}"
        yield from _schema_lines(about.get("items", about), margin + "    ")

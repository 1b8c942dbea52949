"""Finding and reading Workspaces: in files, directories, on stdin, as data, or behind a preset's name."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from llmwright.app.beside import configs_beside, left_aside, sort_documents
from llmwright.catalogue.model_directory import holds_a_model
from llmwright.errors import ConfigError, InvalidWorkspace, Problem
from llmwright.reading.files import MOST_BYTES, Unreadable, decoded, is_directory, is_there, read_text

if TYPE_CHECKING:
    from llmwright.api.document import Document
    from llmwright.api.workspace import Workspace
    from llmwright.check.environment import Environment
    from llmwright.values.same_place import SamePlace

INIT = "`llmwright init serve` and `llmwright init tune`"
YAML_SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"
CONFIG_FILES = {"tuning": "training_config.yaml", "inference": "inference_config.yaml"}
"""The file of a config that is read, as KAITO names it."""
HINT_FILE = "give a YAML file, a directory of them or of a model, or - for stdin"

Content = str | Mapping[str, object]
"""A text of YAML documents, or one document as plain data."""


@dataclass(frozen=True)
class LoadedWorkspace:
    """A Workspace, the document that it was read from, and the directory that its relative paths start from.

    ``configs`` are the ConfigMaps of its file, ``notes`` the warnings about other documents there.
    """

    workspace: Workspace
    document: Document
    base_directory: Path
    configs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()

    @property
    def named_configs(self) -> Iterator[tuple[str, str, str]]:
        """Each config that it names: where it stands in the YAML, its name, and the file in it that is read."""
        for part, of_part in (("tuning", self.workspace.tuning), ("inference", self.workspace.inference)):
            if of_part is not None and of_part.config:
                yield f"{part}.config", of_part.config, CONFIG_FILES[part]


def read_workspaces(names: Iterable[str | Path], namespace: str | None = None) -> tuple[LoadedWorkspace, ...]:
    """Every Workspace of the named files, directories or stdin (``-``), in order.

    The directory of a model stands for a Workspace that serves it. A Workspace without a namespace gets ``namespace``.

    Raises:
        ConfigError: a file is not there or cannot be read, there is no Workspace, or one has another namespace.
        InvalidWorkspace: all problems of all documents at once.
    """
    return _load(_contents(names), namespace, ", ".join(map(str, names)))


def read_workspace(name: str | Path, namespace: str | None = None, place: SamePlace | None = None) -> LoadedWorkspace:
    """The one Workspace of a file, a directory or stdin; raises as ``read_workspaces``, and where there are several.

    ``place`` is where they would be applied, for the command that the message proposes.
    """
    from llmwright.values.same_place import SamePlace as Usual

    apply = (place or Usual()).command(f"apply -f {shlex.quote(str(name))}", namespace)
    return _only(read_workspaces((name,), namespace), str(name), f"apply all of them: `{apply}`")


def parse_text(text: str, namespace: str | None = None) -> LoadedWorkspace:
    """The one Workspace of a text; relative paths start from the working directory; raises as ``read_workspace``."""
    return _only(_load([("<text>", Path.cwd(), text)], namespace, "the text"), "the text", "give one of them alone")


def from_data(data: Mapping[str, object], source: str = "") -> LoadedWorkspace:
    """The Workspace that plain data describes; relative paths start from the working directory.

    Raises:
        InvalidWorkspace: every field that is unknown, missing or of another type.
    """
    from llmwright.api.document import Document, parse_workspace

    document = Document(data, source=source)
    return LoadedWorkspace(parse_workspace(document), document, Path.cwd())


def from_workspace(workspace: Workspace, base_directory: Path | None = None) -> LoadedWorkspace:
    """A Workspace that is there as an object; ``base_directory`` is the working directory where it is None."""
    from llmwright.api.document import Document, to_mapping

    document = Document(to_mapping(workspace), source=workspace.name)
    return LoadedWorkspace(workspace, document, base_directory or Path.cwd())


def from_preset(name: str, namespace: str | None = None) -> LoadedWorkspace:
    """A Workspace that serves the preset ``name`` (or the hub's ``ORG/MODEL``) and nothing more."""
    return from_data(preset_mapping(name, namespace), source=name)


def preset_mapping(name: str, namespace: str | None) -> Mapping[str, object]:
    """The YAML of ``from_preset`` as plain data."""
    from llmwright.check.kubernetes_names import as_label

    short = unquote(name).rpartition("/")[2].lower()
    label = as_label(short)[:50].rstrip("-")
    metadata = {"name": label or "model", **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": metadata,
        "resource": {"labelSelector": {"matchLabels": {"apps": label}}},
        "inference": {"preset": {"name": name}},
    }


def names_a_file(text: str) -> bool:
    """Whether ``text`` is the path of a YAML file or of anything that is there, rather than a preset's name."""
    return text == STDIN or Path(text).suffix.lower() in YAML_SUFFIXES or is_there(Path(text))


def read_environment(name: str) -> Environment:
    """Return the description of a cluster in the file ``name``.

    Raises:
        ConfigError: the file is not there, or holds other than one document.
        InvalidWorkspace: bad YAML, an unknown field.
    """
    from llmwright.api.document import load_documents
    from llmwright.check.environment import Environment

    documents = load_documents(_read(Path(name)), name)
    if len(documents) != 1:
        raise ConfigError(f"{name} holds {len(documents)} documents, one is expected")
    return Environment.of_document(documents[0])


def _load(
    contents: Iterable[tuple[str, Path, Content]], namespace: str | None, where: str
) -> tuple[LoadedWorkspace, ...]:
    """The Workspaces of contents, each with its source and its directory."""
    from llmwright.api.document import parse_workspace

    loaded: list[LoadedWorkspace] = []
    problems: dict[str, list[Problem]] = {}
    beside: list[Document] = []
    for source, directory, content in contents:
        try:
            documents = sort_documents(_documents(source, content))
        except InvalidWorkspace as error:
            problems.setdefault(source, []).extend(error.problems)
            continue
        beside += documents.beside
        workspaces: list[LoadedWorkspace] = []
        for document in documents.workspaces:
            try:
                workspace = _in_namespace(parse_workspace(document), namespace, source)
            except InvalidWorkspace as error:
                problems.setdefault(source, []).extend(error.problems)
            else:
                workspaces.append(LoadedWorkspace(workspace, document, directory))
        loaded += _with_beside(workspaces, documents.beside)
    if problems:
        raise _invalid(problems)
    if not loaded:
        others = ", ".join(dict.fromkeys(str(document.data["kind"])[:80] for document in beside))
        only = f", only {others}" if others else ""
        raise ConfigError(f"no Workspace in {where}{only}", hint=f"{INIT} write one")
    return tuple(loaded)


def _documents(source: str, content: Content) -> Sequence[Document]:
    from llmwright.api.document import Document, load_documents

    return load_documents(content, source) if isinstance(content, str) else (Document(content, source=source),)


def _with_beside(workspaces: list[LoadedWorkspace], beside: tuple[Document, ...]) -> list[LoadedWorkspace]:
    """The Workspaces of one text with its ConfigMaps; the first has the notes about the other documents."""
    with_configs = [replace(each, configs=configs_beside(beside, each.workspace.namespace)) for each in workspaces]
    used = {name for each in workspaces for _, name, _ in each.named_configs}
    notes = tuple(left_aside(beside, used))
    return [replace(each, notes=() if number else notes) for number, each in enumerate(with_configs)]


def _only(loaded: tuple[LoadedWorkspace, ...], where: str, hint: str) -> LoadedWorkspace:
    if len(loaded) > 1:
        names = ", ".join(each.workspace.name for each in loaded)
        raise ConfigError(f"{where} holds {len(loaded)} Workspaces: {names}", hint=hint)
    return loaded[0]


def _invalid(problems: Mapping[str, list[Problem]]) -> InvalidWorkspace:
    """The error about problems by source; a problem names its source where there are several."""
    if len(problems) == 1:
        [(source, of_source)] = problems.items()
        return InvalidWorkspace(of_source, source=source)
    return InvalidWorkspace([named for source, listed in problems.items() for named in _with_source(listed, source)])


def _with_source(problems: Iterable[Problem], source: str) -> Iterator[Problem]:
    for problem in problems:
        place = ":".join(str(part) for part in (source, problem.line, problem.column) if part is not None)
        path = f"{place}: {problem.path}" if problem.path else place
        yield replace(problem, path=path, line=None, column=None)


def _in_namespace(workspace: Workspace, namespace: str | None, source: str) -> Workspace:
    written = workspace.metadata.namespace
    if namespace is None or written == namespace:
        return workspace
    if written is not None:
        raise ConfigError(
            f"{source}: metadata.namespace is {written!r}, and --namespace says {namespace!r}",
            hint="leave one of them out",
        )
    return workspace.model_copy(update={"metadata": workspace.metadata.model_copy(update={"namespace": namespace})})


def _contents(names: Iterable[str | Path]) -> Iterator[tuple[str, Path, Content]]:
    for name in names:
        if name == STDIN:
            yield "<stdin>", Path.cwd(), _read_stdin()
            continue
        if is_directory(Path(name)) and holds_a_model(Path(name)):
            yield str(name), Path.cwd(), preset_mapping(Path(name).resolve().as_uri(), None)
            continue
        for path in _files(Path(name)):
            # Read first: only a file that could be read has a directory to resolve.
            text = _read(path)
            yield str(path), path.resolve().parent, text


def _files(path: Path) -> list[Path]:
    if not is_directory(path):
        return [path]
    files = sorted(child for child in path.iterdir() if child.suffix in YAML_SUFFIXES)
    if not files:
        hint = f"a Workspace is a {', '.join(YAML_SUFFIXES)} file; a model has config.json and safetensors weights"
        below = sorted(child.name for child in path.iterdir() if is_directory(child) and holds_a_model(child))
        if below:
            # Checkpoints of a training, or a folder of models.
            hint = f"models are below it: name one, as {path / below[-1]}"
        raise ConfigError(f"directory {path} holds no Workspace and no model", hint=hint)
    return files


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is not there", hint=f"{INIT} write a Workspace to start from") from error
    except Unreadable as error:
        raise ConfigError(f"{str(path)[:200]!r} {error}", hint=HINT_FILE) from error


def _read_stdin() -> str:
    try:
        return decoded(sys.stdin.buffer.read(MOST_BYTES + 1))
    except Unreadable as error:
        raise ConfigError(f"<stdin> {error}") from error

"""How results are printed: tables for people, JSON and YAML for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from llmwright.api.status import Download, Progress, WorkspaceStatus

FORMATS = ("json", "yaml")
F = TypeVar("F", bound=Callable[..., Any])


def format_option(*more: str) -> Callable[[F], F]:
    """The option ``-o``, with ``json``, ``yaml`` and what else the verb knows."""
    return click.option("-o", "--output", "output", type=click.Choice([*more, *FORMATS]), help="Print in this format.")


def dump(value: Any, output: str) -> None:
    """``value`` (plain data or dataclasses) as JSON or YAML on stdout."""
    data = plain(value)
    if output == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import yaml

    click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


def dump_all(documents: Iterable[Any]) -> None:
    """Each as a YAML document of its own on stdout."""
    import yaml

    click.echo(yaml.safe_dump_all(map(plain, documents), sort_keys=False, explicit_start=True), nl=False)


def plain(value: Any) -> Any:
    """``value`` as JSON has it: a dataclass's fields in camelCase, a mapping's keys as they are, the rest as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as kubectl prints it: upper-case headings, columns three spaces apart, nothing drawn."""
    lines = [[heading.upper() for heading in headings], *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def note(message: str) -> None:
    """A remark beside the result, on stderr."""
    click.echo(message, err=True)


def note_repairs(repaired: Iterable[tuple[str, str]]) -> None:
    """Say which Workspaces, by namespace and name, had lost their supervisor."""
    for namespace, name in repaired:
        note(f"note: {namespace}/{name} had lost its supervisor and was taken up again")


def age(seconds: float) -> str:
    """A span as kubectl writes it: 45s, 3m20s, 5h, 2d4h."""
    whole = max(0, int(seconds))
    for size, unit, smaller, smaller_unit, exact_below in (
        (86400, "d", 3600, "h", 8),
        (3600, "h", 60, "m", 8),
        (60, "m", 1, "s", 10),
    ):
        count, rest = divmod(whole, size)
        if count:
            tail = rest // smaller
            return f"{count}{unit}{tail}{smaller_unit}" if tail and count < exact_below else f"{count}{unit}"
    return f"{whole}s"


def size(count: float) -> str:
    """A size in bytes as a person reads it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError(count)


def progress_line(progress: Progress) -> str:
    """The progress of a tuning on one line: step, loss, speed, time left."""
    figures = tuning_figures(progress)
    return f"step {progress.step} of {progress.steps}{', ' if figures else ''}{figures}"


def tuning_figures(progress: Progress) -> str:
    """Loss, tokens per second and time left, as far as they are known."""
    parts = (
        f"loss {progress.loss:.3f}" if progress.loss is not None else "",
        f"{progress.tokens_per_second:,.0f} tokens/s" if progress.tokens_per_second is not None else "",
        f"{age(progress.seconds_left)} left" if progress.seconds_left is not None else "",
    )
    return ", ".join(part for part in parts if part)


def download_line(download: Download) -> str:
    """The progress of weights on one line: bytes, their share, speed, time left."""
    done, total = download.bytes, download.total_bytes
    parts = (
        f"{size(done)} of {size(total)} ({done / total:.0%})" if total else size(done),
        f"{size(download.bytes_per_second)}/s" if download.bytes_per_second is not None else "",
        f"{age(download.seconds_left)} left" if download.seconds_left is not None else "",
    )
    return ", ".join(part for part in parts if part)


def progress_cell(status: WorkspaceStatus | None) -> str:
    """How far a download of weights or a tuning is, as short as a column; empty where there is neither."""
    if status is not None and status.download is not None:
        done, total = status.download.bytes, status.download.total_bytes
        return f"weights {done / total:.0%} of {size(total)}" if total else f"weights {size(done)}"
    if status is not None and status.progress is not None:
        return f"step {status.progress.step}/{status.progress.steps}"
    return ""

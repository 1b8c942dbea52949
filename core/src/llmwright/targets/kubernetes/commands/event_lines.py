"""Events as lines, the oldest first; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from llmwright.targets.kubernetes.operator.cache.projection import project_event


def event_lines(events: Iterable[Mapping[str, Any]], uids: Collection[str]) -> Iterator[str]:
    """Yield a line for each Event about one of these objects: when, about what, why, and how often."""
    ours = [(project_event(dict(event)), event) for event in events if event["involvedObject"].get("uid") in uids]
    for short, event in sorted(ours, key=lambda each: str(each[0]["at"] or "")):
        about = event["involvedObject"]
        count = event.get("count") or (event.get("series") or {}).get("count") or 1
        often = f" (x{count})" if count > 1 else ""
        words = " ".join(short["message"].split())
        yield f"{short['at']} {about.get('kind')}/{about.get('name')} {short['reason']}{often}: {words}"

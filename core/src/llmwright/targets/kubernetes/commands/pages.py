"""Objects of a kind, as a command lists them and follows their changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.commands.access import Access, explained

Object = Mapping[str, Any]

PAGE = "500"
PAUSE_S = 0.5
"""How long to wait before what changed is listed anew, after a watch ended."""


def all_pages(api: Api, resource: Resource, namespace: str | None, selector: str) -> list[Object]:
    """Return all pages of a list; raises ApiError."""
    query = {"limit": PAGE, **_labels(selector)}
    pages: list[Object] = []
    while True:
        pages.append(api.page(resource, query, namespace=namespace))
        query["continue"] = pages[-1]["metadata"].get("continue") or ""
        if not query["continue"]:
            return pages


def changes(access: Access, resource: Resource, namespace: str | None, selector: str) -> Iterator[Object]:
    """Yield the objects as they are, and as they are after each change, without end; some more than once.

    Raises:
        TargetError: they may not be read.
    """
    listed = partial(all_pages, resource=resource, namespace=namespace, selector=selector)
    while True:
        pages = access.ask(listed)
        for page in pages:
            yield from page.get("items") or ()
        query = {"resourceVersion": str(pages[-1]["metadata"]["resourceVersion"]), **_labels(selector)}
        try:
            for event in access.api.watch(resource, query, namespace=namespace):
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]
                elif event["type"] == "ERROR":
                    break
        except ApiError as error:
            if error.code == FORBIDDEN:
                raise explained(error, access.api) from error
        time.sleep(PAUSE_S)


def _labels(selector: str) -> dict[str, str]:
    return {"labelSelector": selector} if selector else {}

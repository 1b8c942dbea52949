"""Objects of a kind as a command follows their changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.listing import Object, all_pages, labelled
from llmwright.targets.kubernetes.commands.access import Access, explained

PAUSE_S = 0.5
"""How long to wait before what changed is listed anew, after a watch ended."""


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
        query = {"resourceVersion": str(pages[-1]["metadata"]["resourceVersion"]), **labelled(selector)}
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

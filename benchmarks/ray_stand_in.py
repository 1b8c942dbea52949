"""A stand-in for the engine below the runtime ``ray``: it answers after a fixed time, and computes nothing.

    /opt/ray/bin/python -m benchmarks.ray_stand_in --model DIRECTORY --port 8000 --max-replicas 2 …

All else is the runtime's own: its process, Ray Serve, the part in Ray's proxies, the deployment's options. So a figure
taken with it is about replicas and routing, and never about a model.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from llmwright_runtime_ray.serve import local_cluster
from llmwright_runtime_ray.serve.__main__ import run
from llmwright_runtime_ray.serve.local_cluster import prepare_environment

HOLD_S = 0.4
"""How long each answer takes: so long that two cores have time for what two replicas can answer."""
TOKENS = 16


class StandIn:
    """Holds each request for ``HOLD_S``. Ray Serve sends a replica no more at a time than its options say."""

    def __init__(self, options: Any) -> None:
        self._options = options

    def __serve_build_asgi_app__(self) -> Starlette:
        """Return the application that answers."""

        async def complete(request: Request) -> JSONResponse:
            body = await request.json()
            await asyncio.sleep(HOLD_S)
            choice = {"index": 0, "text": "so " * TOKENS, "finish_reason": "length"}
            usage = {"prompt_tokens": 1, "completion_tokens": TOKENS, "total_tokens": TOKENS + 1}
            about = {"id": "0", "object": "text_completion", "model": body["model"]}
            return JSONResponse({**about, "choices": [choice], "usage": usage})

        return Starlette(routes=[Route("/v1/completions", complete, methods=["POST"])])

    def metric_families(self) -> list[Any]:
        """Return no metrics."""
        return []

    def finish_within(self, seconds: float) -> None:
        """Answers are shorter than that."""


def prepare() -> None:
    """Prepare Ray's environment as the runtime does, and then put the stand-in in the place of the engine."""
    prepare_environment()
    # Not before: Ray reads the environment where it is imported.
    from llmwright_runtime_ray.serve import app

    vars(app)["Replica"] = StandIn


if __name__ == "__main__":
    vars(local_cluster)["prepare_environment"] = prepare
    run()

"""The client of ``llmwright bench`` itself: its CPU time for each piece of a stream, and the most pieces a second.

    python -m benchmarks.bench_client [--rounds 7] [--clients 32] [--tokens 128]

The server is a stand-in of a few lines in a process of its own: it sends each stream's pieces at a fixed gap, or one
after the other without any. The rival is a bare loop over httpx, which keeps the times of the pieces and reads nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import httpx

import llmwright

GAP_S = 0.01
"""100 tokens a second for each client."""

PIECE = {
    "id": "chatcmpl-0123456789abcdef",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "stand-in",
    "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}],
}
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Cost:
    """Of one round: pieces of streams per second of the clock, and CPU microseconds of the client for each."""

    pieces_per_s: float
    cpu_us: float


class StandIn(asyncio.Protocol):
    """Streams as many pieces as a request asks for."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._content = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._content += data
        head, mark, body = self._content.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not mark or (length and len(body) < int(length[1])):
            return
        self._content = b""
        asked = json.loads(body)
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self._left = asked["max_tokens"]
        self._usage = {"prompt_tokens": 100, "completion_tokens": self._left}
        self._send()

    def _send(self) -> None:
        if not self._left:
            self._transport.write(
                chunk({**PIECE, "choices": [], "usage": self._usage}) + chunk("[DONE]") + b"0\r\n\r\n"
            )
            return
        self._left -= 1
        self._transport.write(chunk(PIECE))
        asyncio.get_running_loop().call_later(self._gap_s, self._send)


def chunk(content: object) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content)
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def serve(gap_s: float, started: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: StandIn(gap_s), "127.0.0.1", 0, backlog=1024)
        started.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def stand_in(gap_s: float) -> Iterator[str]:
    """A server in a process of its own; gives its URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(gap_s, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def by_bench(url: str, clients: int, requests: int, tokens: int) -> int:
    result = llmwright.bench(
        url,
        model="stand-in",
        concurrency=(clients,),
        requests=requests,
        output_tokens=tokens,
        input_tokens=100,
        warmup=0,
    )
    (level,) = result.levels
    assert (level.succeeded, level.failed) == (requests, 0)
    return requests * tokens


def by_httpx(url: str, clients: int, requests: int, tokens: int) -> int:
    body = {"model": "stand-in", "messages": [], "max_tokens": tokens, "stream": True}
    times: list[float] = []

    async def client(http: httpx.AsyncClient) -> None:
        for _ in range(requests // clients):
            async with http.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
                times.extend([time.perf_counter() async for _ in response.aiter_bytes()])

    async def run() -> None:
        async with httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=None)) as http:
            await asyncio.gather(*(client(http) for _ in range(clients)))

    asyncio.run(run())
    return requests * tokens


def cost(load: Callable[[str, int, int, int], int], url: str, clients: int, tokens: int) -> Cost:
    began, cpu = time.perf_counter(), time.process_time()
    pieces = load(url, clients, 4 * clients, tokens)
    return Cost(pieces / (time.perf_counter() - began), (time.process_time() - cpu) / pieces * 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args()
    for title, gap_s in ((f"a piece each {GAP_S * 1000:.0f} ms", GAP_S), ("pieces without a gap", 0.0)):
        with stand_in(gap_s) as url:
            report(title, url, options)


def report(title: str, url: str, options: argparse.Namespace) -> None:
    loads = {"llmwright bench": by_bench, "bare httpx": by_httpx}
    costs: dict[str, list[Cost]] = {name: [] for name in loads}
    for number in range(options.rounds + 1):
        for name in loads if number % 2 else reversed(loads):
            measured = cost(loads[name], url, options.clients, options.tokens)
            # The first round imports and warms up.
            costs[name] += [measured] if number else []
    print(f"\n{title}, {options.clients} clients: median of {options.rounds} rounds (lowest to highest)")
    for name, rounds in costs.items():
        rates, cpu = [each.pieces_per_s for each in rounds], [each.cpu_us for each in rounds]
        print(
            f"  {name:16} {statistics.median(rates):8,.0f} pieces/s ({min(rates):,.0f} to {max(rates):,.0f}), "
            f"{statistics.median(cpu):5.1f} us of CPU each ({min(cpu):.1f} to {max(cpu):.1f})",
            flush=True,
        )


if __name__ == "__main__":
    main()

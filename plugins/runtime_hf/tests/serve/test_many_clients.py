"""Many clients, most of whom leave, and the server is as it was before. One that is killed keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tests.support.hf_server import RunningServer, metric, running_server
from tests.support.tiny_models import ServedModels
from tests.support.waiting import wait_until

PROMPT = "the quick brown"
CLIENTS = 64
LONG = 2000
"""Tokens of an answer that nobody reads to its end."""
MOST_AFTER = 20
"""Tokens of an answer that its client does not read, those on their way included: see ``test_left_answers``."""
MOST_GROWTH = 16 * 2**20
"""Bytes that a process may grow by, whatever it does: the allocator's own, which many more requests do not multiply."""
IDLE = ("vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc")


class Client:
    """One that streams an answer of ``tokens``, and leaves after ``patience`` of them; None waits for the end."""

    def __init__(self, prompt: str, tokens: int, patience: int | None) -> None:
        self.patience = patience
        self.read = 0
        self.complete = False
        body = {"prompt": prompt, "max_tokens": tokens, "stream": True, "logprobs": 0, "ignore_eos": True}
        self._body = json.dumps(body).encode()

    async def ask(self, server: RunningServer) -> None:
        """Ask, read, and leave."""
        where = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
        writer.write(f"{head}Content-Length: {len(self._body)}\r\n\r\n".encode() + self._body)
        try:
            await writer.drain()
            while (self.patience is None or self.read < self.patience) and not self.complete:
                line = await reader.readline()
                assert line, "the server closed the connection"
                self._look_at(line)
        finally:
            if self.patience is not None and self.patience % 2:
                # Half of them break the connection off, the others close it.
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _look_at(self, line: bytes) -> None:
        if line.startswith(b"HTTP"):
            assert b" 200 " in line
        elif line.startswith(b"data: [DONE]"):
            self.complete = True
        elif line.startswith(b"data: "):
            scores = json.loads(line[len(b"data: ") :])["choices"][0]["logprobs"]
            self.read += len(scores["tokens"]) if scores else 0


async def ask_all(server: RunningServer, clients: Sequence[Client], together: int) -> None:
    turns = asyncio.Semaphore(together)

    async def ask(client: Client) -> None:
        async with turns:
            await client.ask(server)

    await asyncio.wait_for(asyncio.gather(*map(ask, clients)), 300)


def greedy(http: httpx.Client) -> str:
    answer = http.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 24})
    return str(answer.json()["choices"][0]["text"])


def is_idle(http: httpx.Client) -> bool:
    return all(metric(http, name) == 0 for name in IDLE)


def made(http: httpx.Client) -> float:
    return metric(http, "llmwright_completion_tokens_total", model="tiny")


def test_clients_that_leave_at_random_leave_nothing_behind(server: RunningServer, http: httpx.Client) -> None:
    """Neither a place, nor a cache, nor memory: the first time fills what the server keeps for the next."""
    chance, before, memory = random.Random(18), greedy(http), list[int]()
    for _ in range(2):
        leaving = [Client(f"{PROMPT} {chance.randrange(9)}", LONG, chance.randrange(30)) for _ in range(CLIENTS - 8)]
        staying = [Client(PROMPT, 24, None) for _ in range(8)]
        count = made(http)
        asyncio.run(ask_all(server, chance.sample([*leaving, *staying], CLIENTS), CLIENTS))
        wait_until(lambda: is_idle(http), "no request runs or waits", 120)

        assert all(client.complete and client.read == 24 for client in staying)
        unread = made(http) - count - sum(client.read for client in (*leaving, *staying))
        assert 0 <= unread <= MOST_AFTER * len(leaving)
        assert greedy(http) == before
        memory.append(psutil.Process(server.process.pid).memory_info().rss)
    assert memory[1] - memory[0] < MOST_GROWTH


def test_clients_of_a_server_that_is_killed_get_an_error(models: ServedModels, tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--model", str(models.base), "--threads", "1") as server:
        server.wait_until_ready()

        def ask(stream: bool) -> str:
            body = {"prompt": PROMPT, "max_tokens": LONG, "ignore_eos": True, "stream": stream}
            with server.client() as http:
                return http.post("/v1/completions", json=body).text

        with ThreadPoolExecutor(12) as pool, server.client() as http:
            asking = [pool.submit(ask, stream) for stream in [True, False] * 6]
            wait_until(lambda: metric(http, "llmwright_requests_running") == len(asking), "all run", 120)
            server.process.kill()
            errors = [future.exception(60) for future in asking]

    assert [type(error) for error in errors if not isinstance(error, httpx.TransportError)] == []


@pytest.mark.slow
def test_memory_stays_as_it_is_over_many_requests(models: ServedModels, tmp_path: Path) -> None:
    chance = random.Random(2000)
    flags = ("--model", str(models.base), "--threads", "1", "--prefix-cache-mib", "4")
    with running_server(tmp_path / "log", *flags) as server, server.client() as http:
        server.wait_until_ready()

        def memory_after(count: int) -> int:
            asking = [
                Client(f"{chance.random()} {PROMPT} " * 4, chance.randint(4, 40), chance.choice((None, None, 0, 3)))
                for _ in range(count)
            ]
            asyncio.run(ask_all(server, asking, 16))
            wait_until(lambda: is_idle(http), "no request runs or waits", 120)
            return int(psutil.Process(server.process.pid).memory_info().rss)

        first = memory_after(500)
        assert memory_after(1500) - first < MOST_GROWTH

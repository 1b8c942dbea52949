"""A replica holds so many adapters at most; one that answers stays, and who comes first is served first."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import pytest

from llmwright.errors import ConfigError
from llmwright_runtime_ray.serve.held_adapters import HeldAdapters


class RayServe:
    """Ray Serve's rules: of more than ``most`` the one that was taken longest ago leaves; one is loaded at a time."""

    def __init__(self, most: int, broken: frozenset[str] = frozenset()) -> None:
        self.held = HeldAdapters(self.take, most)
        self.models: OrderedDict[str, None] = OrderedDict()
        self.events: list[str] = []
        self._most, self._broken = most, broken
        self._one = asyncio.Lock()

    async def take(self, name: str) -> object:
        if name in self.models:
            self.models.move_to_end(name)
            return name
        async with self._one:
            if name in self.models:
                return name
            if len(self.models) >= self._most:
                self.events.append(f"-{self.models.popitem(last=False)[0]}")
            await asyncio.sleep(0.01)
            if name in self._broken:
                raise ConfigError(f"adapter {name} cannot be served")
            self.models[name] = None
            self.events.append(f"+{name}")
        return name

    async def answer(self, name: str, until: asyncio.Event | None = None) -> None:
        async with self.held.answering(name):
            assert name in self.models
            if until is not None:
                await until.wait()
            assert name in self.models, "it left while it answered"
        self.events.append(name)


def run(most: int, test: Callable[[RayServe], Awaitable[None]], *broken: str) -> list[str]:
    async def whole() -> list[str]:
        replica = RayServe(most, frozenset(broken))
        await asyncio.wait_for(test(replica), 10)
        return replica.events

    return asyncio.run(whole())


def test_the_one_that_was_used_longest_ago_leaves() -> None:
    async def test(replica: RayServe) -> None:
        for name in ("a", "b", "a", "c", "a"):
            await replica.answer(name)

    assert run(2, test) == ["+a", "a", "+b", "b", "a", "-b", "+c", "c", "a"]


def test_one_that_answers_stays_though_it_was_used_longest_ago() -> None:
    async def test(replica: RayServe) -> None:
        end = asyncio.Event()
        long = asyncio.create_task(replica.answer("a", end))
        await asyncio.sleep(0.05)
        await replica.answer("b")
        await replica.answer("c")
        end.set()
        await long

    assert run(2, test) == ["+a", "+b", "b", "-b", "+c", "c", "a"]


def test_where_all_answer_a_request_waits_and_none_overtakes_it() -> None:
    async def test(replica: RayServe) -> None:
        end = asyncio.Event()
        tasks = [asyncio.create_task(replica.answer("a", end))]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(replica.answer(name)) for name in ("b", "a")]
        await asyncio.sleep(0.05)
        end.set()
        await asyncio.gather(*tasks)

    assert run(1, test) == ["+a", "a", "-a", "+b", "b", "-b", "+a", "a"]


def test_a_client_that_leaves_while_it_waits_takes_no_place() -> None:
    async def test(replica: RayServe) -> None:
        end = asyncio.Event()
        long = asyncio.create_task(replica.answer("a", end))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(replica.answer("b"))
        await asyncio.sleep(0.05)
        gone.cancel()
        end.set()
        await long
        await replica.answer("c")

    assert run(1, test) == ["+a", "a", "-a", "+c", "c"]


def test_a_client_that_leaves_while_its_adapter_is_loaded_leaves_a_whole_one() -> None:
    async def test(replica: RayServe) -> None:
        gone = asyncio.create_task(replica.answer("a"))
        await asyncio.sleep(0.005)
        gone.cancel()
        await replica.answer("a")
        await replica.answer("b")

    assert run(1, test) == ["+a", "a", "-a", "+b", "b"]


def test_a_client_that_leaves_while_its_adapter_is_loaded_pushes_out_none_that_answers() -> None:
    async def test(replica: RayServe) -> None:
        end = asyncio.Event()
        long = asyncio.create_task(replica.answer("a", end))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(replica.answer("b"))
        await asyncio.sleep(0.005)
        gone.cancel()
        await replica.answer("c")
        end.set()
        await long

    assert run(2, test) == ["+a", "+b", "-b", "+c", "c", "a"]


def test_a_broken_one_is_refused_and_the_others_go_on() -> None:
    async def test(replica: RayServe) -> None:
        await replica.answer("a")
        for _ in range(2):
            with pytest.raises(ConfigError, match="bad"):
                await replica.answer("bad")
        await replica.answer("a")

    assert run(1, test, "bad") == ["+a", "a", "-a", "+a", "a"]

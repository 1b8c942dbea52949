"""Lines that are followed go on where they broke off, and none is shown twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, UNREACHABLE, ApiError
from llmwright.targets.kubernetes.commands.followed_lines import FollowedLines, parted

AWAY = ApiError("logs of w-0: the connection broke", code=UNREACHABLE, reason="ApiServerUnreachable")


def at(second: int, part: int, text: str) -> str:
    return f"2026-01-01T00:00:{second:02}.{part:09}Z {text}"


class Node:
    """A node whose connection breaks: each answer is what it sends, and how it ends."""

    def __init__(self, *answers: tuple[list[str], ApiError | None]) -> None:
        self.answers = list(answers)
        self.queries: list[Mapping[str, str]] = []
        self.shown: list[str] = []
        self.lines = FollowedLines(self.read, self.shown.append)

    def read(self, query: Mapping[str, str]) -> Iterator[str]:
        self.queries.append(query)
        lines, error = self.answers.pop(0)
        yield from lines
        if error is not None:
            raise error

    def looks(self, *, running: bool) -> None:
        self.lines.go_on(running=running)
        wait_until(lambda: not self.lines.alive, "it has been read")


def test_after_a_break_it_goes_on_behind_the_last_line() -> None:
    node = Node(
        ([at(1, 5, "one"), at(1, 7, "two")], AWAY),
        ([], AWAY),
        ([at(1, 5, "one"), at(1, 7, "two"), at(1, 8, "three"), at(2, 0, "four")], None),
    )
    for _ in range(3):
        node.looks(running=False)
    assert node.shown == ["one", "two", "three", "four"]
    since = {"timestamps": "true", "sinceTime": "2026-01-01T00:00:01.000000007Z"}
    assert node.queries == [{"timestamps": "true"}, since, since]
    node.looks(running=False)
    assert len(node.queries) == 3, "the container has ended, and all of it was read"


def test_a_stream_that_ends_while_its_container_runs_is_read_on() -> None:
    node = Node(([at(1, 0, "one")], None), ([at(1, 0, "one"), at(3, 0, "two")], None))
    node.looks(running=True)
    node.looks(running=True)
    assert node.shown == ["one", "two"]


def test_what_is_gone_is_not_asked_for_again() -> None:
    node = Node(([at(1, 0, "one")], ApiError("no such pod", code=NOT_FOUND, reason="NotFound")))
    node.looks(running=False)
    node.looks(running=False)
    assert (node.shown, len(node.queries)) == (["one"], 1)


def test_a_refusal_is_shown_once() -> None:
    broken = ApiError("the node does not answer", code=500, reason="InternalError")
    node = Node(([], broken), ([], broken), ([at(1, 0, "one")], None))
    for _ in range(3):
        node.looks(running=False)
    assert node.shown == ["the node does not answer", "one"]


def test_lines_of_one_moment_and_lines_out_of_order_are_all_shown() -> None:
    node = Node(([at(1, 1, "out"), at(1, 1, "err"), at(1, 0, "late")], None))
    node.looks(running=False)
    assert node.shown == ["out", "err", "late"]


@pytest.mark.parametrize(
    ("line", "key", "text"),
    [
        ("2026-01-01T00:00:01Z text", ("2026-01-01T00:00:01", "000000000"), "text"),
        ("2026-01-01T00:00:01.5+02:00 a b", ("2026-01-01T00:00:01", "500000000"), "a b"),
        ("2026-01-01T00:00:01.123456789Z ", ("2026-01-01T00:00:01", "123456789"), ""),
        ("no time", None, "no time"),
    ],
)
def test_the_time_before_a_line(line: str, key: tuple[str, str] | None, text: str) -> None:
    stamp, rest = parted(line)
    assert ((stamp[0] if stamp is not None else None), rest) == (key, text)

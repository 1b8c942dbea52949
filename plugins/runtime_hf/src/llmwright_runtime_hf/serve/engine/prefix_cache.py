"""Beginnings of prompts whose cache is kept: a request that begins alike does not read them again.

A tree for each served model: a node holds the keys and values of some tokens, and follows on its parent's. Least
recently used nodes are dropped beyond a bound of bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import takewhile

from transformers.cache_utils import Cache

from llmwright_runtime_hf.serve.engine import row_cache
from llmwright_runtime_hf.serve.engine.reading_plan import LEAST_TOKENS
from llmwright_runtime_hf.serve.engine.row_cache import Columns


class _Node:
    def __init__(self, parent: _Node | None, tokens: tuple[int, ...], columns: Columns) -> None:
        self.parent = parent
        self.tokens = tokens
        self.columns = columns
        self.children: dict[int, _Node] = {}

    @property
    def bytes(self) -> int:
        return sum(tensor.nbytes for pair in self.columns for tensor in pair)

    def common(self, tokens: Sequence[int], start: int) -> int:
        """Return how many of the node's tokens are those from ``start`` on."""
        length = len(self.tokens)
        if self.tokens == tuple(tokens[start : start + length]):
            return length
        return sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.tokens, tokens[start:], strict=False))
        )


class PrefixCache:
    """Keep and find beginnings, of ``most_bytes`` at most in all."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._roots: dict[str, _Node] = {}
        self._latest: OrderedDict[_Node, None] = OrderedDict()
        """All nodes but the roots, the least recently used first; a parent comes after its children."""
        self._template: Cache | None = None

    @property
    def bytes(self) -> int:
        """The bytes of all that is kept."""
        return self._bytes

    def find(self, model: str, tokens: Sequence[int]) -> tuple[Cache | None, int]:
        """Return (a cache, how many tokens it holds) for the longest known beginning, None where there is none.

        The last of ``tokens`` is not in it: its logits are not kept.
        """
        path = self._path(model, tokens[:-1])
        count = sum(common for _, common in path)
        if count < LEAST_TOKENS or self._template is None:
            return None, 0
        self._touch(path[-1][0])
        pieces = [[(keys[:, :, :common], values[:, :, :common]) for keys, values in n.columns] for n, common in path]
        return row_cache.from_columns(self._template, pieces), count

    def keep(self, model: str, tokens: Sequence[int], cache: Cache) -> None:
        """Keep the columns of ``cache``, which has one row with exactly ``tokens``."""
        path = self._path(model, tokens)
        known = sum(common for _, common in path)
        node = self._roots.setdefault(model, _Node(None, (), ()))
        if path:
            node, common = path[-1]
            if common < len(node.tokens):
                node = self._split(node, common)
        if len(tokens) - known >= LEAST_TOKENS:
            if self._template is None:
                self._template = row_cache.emptied(cache)
            new = _Node(node, tuple(tokens[known:]), row_cache.columns(cache, known))
            # One that is larger than all may be would push out everything, and itself.
            node = self._add(new) if new.bytes <= self._most_bytes else node
        self._touch(node)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._latest)))

    def forget(self, model: str) -> None:
        """Drop all beginnings of ``model``, which is served no longer."""
        nodes = [*self._roots.pop(model).children.values()] if model in self._roots else []
        while nodes:
            node = nodes.pop()
            nodes += node.children.values()
            self._latest.pop(node)
            self._bytes -= node.bytes

    def _path(self, model: str, tokens: Sequence[int]) -> list[tuple[_Node, int]]:
        """Return the nodes that hold the beginning, with how many of each one's tokens; all but the last are whole."""
        path = list[tuple[_Node, int]]()
        node, start = self._roots.get(model), 0
        while node is not None and start < len(tokens):
            child = node.children.get(tokens[start])
            if child is None:
                break
            common = child.common(tokens, start)
            path.append((child, common))
            start += common
            node = child if common == len(child.tokens) else None
        return path

    def _add(self, node: _Node) -> _Node:
        assert node.parent is not None
        node.parent.children[node.tokens[0]] = node
        self._latest[node] = None
        self._bytes += node.bytes
        return node

    def _split(self, node: _Node, count: int) -> _Node:
        """Return a new parent of ``node`` with its first ``count`` tokens."""
        assert node.parent is not None
        first = [(keys[:, :, :count].clone(), values[:, :, :count].clone()) for keys, values in node.columns]
        upper = _Node(node.parent, node.tokens[:count], first)
        self._bytes -= node.bytes
        node.columns = [(keys[:, :, count:].clone(), values[:, :, count:].clone()) for keys, values in node.columns]
        node.tokens, node.parent = node.tokens[count:], upper
        upper.children[node.tokens[0]] = node
        self._bytes += node.bytes
        return self._add(upper)

    def _touch(self, node: _Node) -> None:
        """Make ``node`` the latest, and its parents later still, so that the first of all has no children."""
        while node.parent is not None:
            self._latest.move_to_end(node)
            node = node.parent

    def _drop(self, node: _Node) -> None:
        assert node.parent is not None
        self._latest.pop(node)
        self._bytes -= node.bytes
        node.parent.children.pop(node.tokens[0], None)

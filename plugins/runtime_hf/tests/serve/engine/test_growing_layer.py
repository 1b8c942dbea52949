"""Layers that grow in place hold what transformers' own would."""

from __future__ import annotations

import random

import torch

from llmwright_runtime_hf.serve.engine.growing_layer import ColumnBuffer


def columns(rows: int, count: int) -> torch.Tensor:
    return torch.randn(rows, 2, count, 3)


def padded(tensor: torch.Tensor, count: int) -> torch.Tensor:
    return torch.cat((tensor.new_zeros(tensor.shape[0], 2, count - tensor.shape[2], 3), tensor), dim=2)


def test_rows_come_grow_and_go() -> None:
    chance = random.Random(7)
    expected = columns(1, 100)
    buffer = ColumnBuffer(expected)
    for _ in range(300):
        match chance.randrange(4):
            case 0 if expected.shape[0] < 12:
                new = columns(chance.randint(1, 3), chance.randint(1, 400))
                length = max(expected.shape[2], new.shape[2])
                expected = torch.cat((padded(expected, length), padded(new, length)))
                buffer.add([new])
            case 1 if expected.shape[0] > 1:
                row, length = chance.randrange(expected.shape[0] - 1), chance.randint(1, expected.shape[2])
                kept = [*range(row), expected.shape[0] - 1, *range(row + 1, expected.shape[0] - 1)]
                expected = expected[kept, :, -length:]
                buffer.keep(kept, length)
            case _:
                new = columns(expected.shape[0], chance.randint(1, 9))
                expected = torch.cat((expected, new), dim=2)
                buffer.append(new)
        assert torch.equal(buffer.latest(10**6), expected)
    assert torch.equal(buffer.latest(5), expected[:, :, -5:])


def test_a_token_copies_nothing_but_itself() -> None:
    """The memory stays where it is until a block is full."""
    buffer = ColumnBuffer(columns(2, 100))
    places = set()
    for _ in range(128):
        buffer.append(columns(2, 1))
        places.add(buffer.latest(1).untyped_storage().data_ptr())
    assert len(places) == 1


def test_padding_is_a_number_whatever_an_earlier_row_left() -> None:
    buffer = ColumnBuffer(columns(1, 8))
    buffer.add([torch.full((1, 2, 60, 3), torch.nan)])
    buffer.keep([0], 8)
    buffer.add([columns(1, 50), columns(1, 4)])
    assert not buffer.latest(50).isnan().any()

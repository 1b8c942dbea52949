"""The order of rows, which resuming relies on."""

from __future__ import annotations

from llmwright_tuning_qlora.train.loop.sampler import EpochSampler, epoch_order


def test_an_epochs_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = [n % 17 + 1 for n in range(103)]
    options = {"shuffle": True, "group": True}
    first = epoch_order(lengths, 4, 1, 0, **options)
    assert sorted(first) == list(range(103))
    assert first == epoch_order(lengths, 4, 1, 0, **options)
    assert first != epoch_order(lengths, 4, 1, 1, **options)
    assert first != epoch_order(lengths, 4, 2, 0, **options)
    assert max(lengths[index] for index in first[:4]) == max(lengths)
    sampler = EpochSampler(lengths, 4, 1, **options)
    sampler.set_epoch(1)
    assert list(sampler) == epoch_order(lengths, 4, 1, 1, **options)
    assert list(EpochSampler(lengths, 4, 1, shuffle=False, group=True)) == list(range(103))


def test_grouping_saves_padding() -> None:
    lengths = [(n * 37) % 101 + 1 for n in range(400)]

    def padded(order: list[int]) -> int:
        return sum(8 * max(lengths[index] for index in order[i : i + 8]) for i in range(0, 400, 8))

    grouped = epoch_order(lengths, 8, 0, 0, shuffle=True, group=True)
    assert padded(grouped) < 0.7 * padded(epoch_order(lengths, 8, 0, 0, shuffle=True, group=False))

"""Which GPUs each method serves with the image for older ones."""

from __future__ import annotations

from llmwright_tuning_qlora.driver import LoraTuner, QloraTuner


def test_quantised_weights_need_kernels_that_the_oldest_gpus_lack() -> None:
    assert (LoraTuner.older_image.built_for, QloraTuner.older_image.built_for) == ((5, 0), (6, 0))
    assert LoraTuner.older_image.role == QloraTuner.older_image.role

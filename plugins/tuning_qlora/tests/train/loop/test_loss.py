"""The loss, and a batch as it enters the model."""

from __future__ import annotations

from llmwright_tuning_qlora.train.data.token_rows import IGNORE_INDEX, TokenRow
from llmwright_tuning_qlora.train.loop.collator import AnswerCollator, learned_positions
from llmwright_tuning_qlora.train.loop.loss import answer_loss


def test_the_loss_is_the_mean_over_the_tokens_learned() -> None:
    import torch

    rows = [TokenRow([5, 6, 7], [0, 0, 1]), TokenRow([5, 6, 7, 8, 9], [0, 1, 0, 0, 1])]
    batch = AnswerCollator(0)(rows)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert batch["logits_to_keep"].tolist() == learned_positions(batch["labels"]).tolist() == [0, 1, 3]
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 12)
    log_probabilities = logits.log_softmax(-1)
    expected = -(log_probabilities[0, 1, 7] + log_probabilities[1, 0, 6] + log_probabilities[1, 3, 9]) / 3
    kept = batch["logits_to_keep"]
    assert torch.isclose(answer_loss(logits[:, kept], batch["labels"], kept, None, 0.0), expected)
    assert torch.isclose(answer_loss(logits, batch["labels"], None, 6, 0.0), expected / 2)
    assert int((batch["labels"] == IGNORE_INDEX).sum()) == 7

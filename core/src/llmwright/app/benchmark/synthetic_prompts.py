"""Prompts of a wanted length without a tokenizer: the server's own count of a few trials says how many words they take.

All prompts of a length hold the same words in another order: they have equally many tokens, and no server finds the
beginning of one in its cache of another. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

FIRST_TRIAL = 32
MOST_TRIALS = 6

_COMMON_WORDS = (
    "the of and to in that it is was for on are as with they at be this from have or by one had not but all were when "
    "we there can an your which their said if do will each about how up out them then she many some so these would "
    "other into has more her two like him see time could no make than first been its who now people my made over did "
    "down only way find use may water long little very after called just where most know get through back much before "
    "go good new write our used me man too any day same right look think also around another came come work three word "
    "must because does part even place well such here take why things help put years different away again off went old "
    "number great tell men say small every found still between name should home big give air line set own under read "
    "last never us left end along while might next sound below saw something thought both few those always looked show "
    "large often together asked house world going want school important until form food keep children feet land side"
)
VOCABULARY = tuple(_COMMON_WORDS.split())


def texts(count: int, seed: int) -> Iterator[str]:
    """Yield texts of ``count`` words without end: the vocabulary over and over, in orders that ``seed`` gives."""
    order = random.Random(seed)  # noqa: S311 - no secret
    words = list(islice(cycle(VOCABULARY), count))
    while True:
        order.shuffle(words)
        yield " ".join(words)


def next_trial(trials: Sequence[tuple[int, int]], wanted: int) -> int | None:
    """Return how many words to try next, so that a prompt has ``wanted`` tokens; None where no trial would help.

    Args:
        trials: words and tokens of the trials so far.
        wanted: tokens, of the whole prompt with its chat template.
    """
    if not trials:
        return min(wanted, FIRST_TRIAL)
    if len(trials) >= MOST_TRIALS or any(tokens == wanted for _, tokens in trials):
        return None
    if len(trials) == 1:
        words, tokens = trials[0]
        guess = round(words * wanted / max(tokens, 1)) if tokens != wanted else words
        return _untried(guess if guess != words else 2 * words, trials)
    # The two nearest trials: words and tokens go in proportion there, beside the template's own tokens.
    (near, near_tokens), (far, far_tokens) = sorted(trials, key=lambda trial: abs(trial[1] - wanted))[:2]
    if near_tokens == far_tokens:
        return None
    return _untried(near + round((wanted - near_tokens) * (near - far) / (near_tokens - far_tokens)), trials)


def best_trial(trials: Sequence[tuple[int, int]], wanted: int) -> int:
    """Return the words of the trial whose tokens are nearest to ``wanted``."""
    return min(trials, key=lambda trial: (abs(trial[1] - wanted), trial[0]))[0]


def _untried(words: int, trials: Sequence[tuple[int, int]]) -> int | None:
    words = max(1, words)
    return None if any(words == tried for tried, _ in trials) else words

"""``python -m llmwright_tuning_qlora.train.sample``: print a few rows of a data set as questions with answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from llmwright.errors import LLMwrightError
from llmwright.reading.files import Unreadable, read_text
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.train.data.questions import read_questions
from llmwright_tuning_qlora.training_config import TrainingConfig


def main(arguments: Sequence[str]) -> int:
    """Print at most ``--rows`` questions as JSON lines. Returns 2, with one line on stderr, for unusable data."""
    parser = argparse.ArgumentParser(prog="llmwright_tuning_qlora.train.sample", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    try:
        text = read_text(options.config) if options.config else None
        section = TrainingConfig.from_yaml(text).dataset if text else DatasetSection()
        for question in islice(read_questions(options.data, section), options.rows):
            print(json.dumps(question, ensure_ascii=False))
    except (LLMwrightError, OSError, Unreadable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

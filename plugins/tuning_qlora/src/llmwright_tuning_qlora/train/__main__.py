"""``python -m llmwright_tuning_qlora.train``."""

from __future__ import annotations

import sys

from llmwright_tuning_qlora.train.tuning_process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``python -m llmwright`` is the same as ``llmwright``."""

from llmwright.cli import main

if __name__ == "__main__":
    main()

"""``python -m modelwright`` is the same as ``modelwright``."""

from modelwright.cli import main

if __name__ == "__main__":
    main()

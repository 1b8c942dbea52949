"""The base of all contracts: laws that cannot be overridden in silence."""

from __future__ import annotations

from typing import Any


class Contract:
    """Base of the contracts. Every ``test_…`` method is a law, and its docstring is the text of the law."""

    def test_no_law_is_overridden_in_silence(self) -> None:
        """A law is overridden only with ``@pytest.mark.xfail(reason="why it does not hold here")``."""
        silent = [name for name in laws(type(self)) if _overridden_in_silence(type(self), name)]
        assert not silent, f"overridden without xfail(reason=…): {', '.join(silent)}"


def laws(contract: type) -> tuple[str, ...]:
    """The names of all laws that ``contract`` inherits from this package."""
    ours = [base for base in contract.__mro__ if base.__module__.startswith(f"{__package__}.")]
    return tuple(sorted({name for base in ours for name in vars(base) if name.startswith("test_")}))


def _overridden_in_silence(contract: type, name: str) -> bool:
    holder = next(base for base in contract.__mro__ if name in vars(base))
    if holder.__module__.startswith(f"{__package__}."):
        return False
    marks: list[Any] = list(getattr(vars(holder)[name], "pytestmark", []))
    return not any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)

"""Values that a market makes many thousands of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

__all__ = ["often_made"]

if TYPE_CHECKING:
    from dataclasses import dataclass as often_made
else:

    def often_made(*, frozen: bool, slots: bool) -> Any:
        """Return what makes a dataclass whose values are frozen to the type checker alone.

        It is used as `dataclass` is and checked as that: nobody may write to a field. When the program runs
        nothing else watches over it, as a dataclass that does takes five times as long to make a value.
        """
        assert frozen
        return dataclass(slots=slots, unsafe_hash=True)

"""A circuit's run rate over charge periods, and what is known of the periods."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from cloudcircuit.model import Grain


@dataclass(frozen=True, slots=True)
class Periods:
    """Contiguous charge periods, oldest first, and what is known of each: the same for all circuits of a monitor.

    What is not `known` has no meaning (it is not zero). A period that is `settled` is known and will not be judged
    again. `settled_at` and `open_at` are the indexes of those that are settled, and of those that are known and not
    settled; `unsettled` are the starts of all that are not settled. Raises ValueError when a settled period is not
    known, and when the lengths differ.
    """

    starts: tuple[datetime, ...]
    known: tuple[bool, ...]
    settled: tuple[bool, ...]
    grain: Grain = Grain.DAY
    settled_at: tuple[int, ...] = field(init=False)
    open_at: tuple[int, ...] = field(init=False)
    unsettled: tuple[datetime, ...] = field(init=False)
    newest_known: datetime | None = field(init=False)
    _places: dict[datetime, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = list(zip(self.starts, self.known, self.settled, strict=True))
        for start, known, settled in rows:
            if settled and not known:
                raise ValueError(f"{start.isoformat()} cannot be settled: nothing is known of it")
        found = {
            "settled_at": tuple(i for i, (_, _, settled) in enumerate(rows) if settled),
            "open_at": tuple(i for i, (_, known, settled) in enumerate(rows) if known and not settled),
            "unsettled": tuple(start for start, _, settled in rows if not settled),
            "newest_known": next((start for start, known, _ in reversed(rows) if known), None),
            "_places": {start: i for i, start in enumerate(self.starts)},
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.starts)

    def place(self, start: datetime) -> int | None:
        """The index of the period that begins then."""
        return self._places.get(start)

    def settled_after(self, start: datetime) -> tuple[int, ...]:
        """The settled periods that begin after an instant, oldest first."""
        return self.settled_at[bisect_right(self.settled_at, start, key=self.starts.__getitem__) :]


@dataclass(frozen=True, slots=True)
class Series:
    """One circuit's run rate: a value in the monitor's currency for each period, finite where it is known."""

    periods: Periods
    values: Sequence[float]

    @classmethod
    def of(
        cls,
        starts: Sequence[datetime],
        values: Sequence[float],
        known: Sequence[bool],
        settled: Sequence[bool],
        grain: Grain = Grain.DAY,
    ) -> Series:
        """A series by itself. Raises ValueError for a known value that is not finite: compared, it is never above."""
        for start, value, is_known in zip(starts, values, known, strict=True):
            if is_known and not isfinite(value):
                raise ValueError(f"the spend of {start.isoformat()} is not a finite number")
        return cls(Periods(tuple(starts), tuple(known), tuple(settled), grain), values)

    @property
    def starts(self) -> tuple[datetime, ...]:
        return self.periods.starts

    @property
    def known(self) -> tuple[bool, ...]:
        return self.periods.known

    @property
    def settled(self) -> tuple[bool, ...]:
        return self.periods.settled

    @property
    def grain(self) -> Grain:
        return self.periods.grain

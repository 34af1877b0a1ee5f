"""A new level that was accepted: by an acknowledgement, a clear, or because it has lasted for `new_level_after` days.

By itself the detector takes over a new level after two weeks. What was accepted is the level at once: the history
before it is scaled to it, so that rhythm and spread stay, and the next period is compared with what is normal now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.series import Periods
from cloudcircuit.model import Grain

_RUN_GAP = 3
"""Days without an anomaly that do not end a run."""

_RECENT = 7
"""Days that say whether the level has lasted."""


@dataclass(frozen=True, slots=True)
class Rebase:
    """What cost something `before` an index is worth so many `times` that now."""

    before: int
    times: float


def rebase(
    values: NDArray[np.float64], periods: Periods, out: NDArray[np.bool_], accepted: Sequence[int], index: int
) -> Rebase | None:
    """How the history before an accepted run is to be scaled; None where the level has not lasted.

    `values` (T,) of one circuit, `accepted` the accepted anomalous periods before `index`. Each period since the run's
    beginning is compared with the same weekday (and hour) before it. The level has lasted if the last week is nearer,
    by factors, to what was accepted than to what was before.
    """
    a_day = 24 if periods.grain is Grain.HOUR else 1
    start = _begin(sorted(accepted), a_day)
    ratios = {i: ratio for i in _since(periods, out, start, index) if (ratio := _ratio(values, i, start, a_day))}
    run = [ratios[i] for i in accepted if i in ratios]
    if not run:
        return None
    recent = [ratios[i] for i in sorted(ratios)[-_RECENT * a_day :]]
    risen, now = float(np.median(run)), float(np.median(recent))
    return Rebase(start, now) if risen > 1 and now >= risen**0.5 else None


def _begin(accepted: Sequence[int], a_day: int) -> int:
    """Where the newest run of accepted periods begins."""
    start = accepted[-1]
    for place in reversed(accepted):
        if start - place > (_RUN_GAP + 1) * a_day:
            break
        start = place
    return start


def _since(periods: Periods, out: NDArray[np.bool_], start: int, index: int) -> list[int]:
    return [i for i in periods.settled_at if start <= i < index and not out[i]]


def _ratio(values: NDArray[np.float64], at: int, start: int, a_day: int) -> float | None:
    """A period against the newest one of the same weekday and hour before the run; None where that cost nothing."""
    week = 7 * a_day
    same = at - week * -(-(at - start + 1) // week)
    if same < 0 or not values[same] > 0 or not np.isfinite(values[at]):
        return None
    return max(float(values[at]), 0.0) / float(values[same])

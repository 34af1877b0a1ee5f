"""The seasonal method: the batch detector, asked about one period of many circuits or of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine import detect
from cloudcircuit.engine.series import Periods
from cloudcircuit.engine.settle import Completeness
from cloudcircuit.model import AnomalyPolicy, Grain

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HOURLY_WEEKS = 6
"""How many weeks of hours are looked at: a profile of 168 hours is learned from no fewer, and costs time with more."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """What the detector says of one period of one circuit, in money; see `detect.Scores`.

    It `lingers` where the periods of a longer window are still unusual together, and this one by itself is not.
    """

    score: float
    expected: float
    low: float
    high: float
    limit: float
    found: bool
    lingers: bool = False
    window: int = 1
    window_excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """One period of N circuits.

    values        (N, T), the run rates, whatever stands where nothing is known
    index         the period that is judged; of those before it the settled ones are learned from
    out           (N, T), periods that are not learned from: anomalous and not accepted, or with announced spend
    announced     (N,), announced spend of the judged period
    false_alerts  (N,), accepted per circuit and quarter
    lookback      days before it that are looked at
    min_periods   with fewer periods to learn from nothing is said
    least         an amount a period below which no rise matters, in money
    complete      the usual completeness of the judged period, where it is usually not whole yet
    """

    values: Floats
    periods: Periods
    index: int
    out: Bools
    announced: Floats
    false_alerts: Floats
    lookback: int
    min_periods: int
    least: float = 1.0
    complete: Completeness | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What is said of each of N circuits; `heard` where there was enough to learn from."""

    heard: Bools
    columns: dict[str, NDArray[Any]]

    def of(self, place: int) -> Surprise | None:
        if not self.heard[place]:
            return None
        return Surprise(**{name: column[place].item() for name, column in self.columns.items()})

    @property
    def found(self) -> Bools:
        found: Bools = self.columns["found"]
        return found


def ask(question: Question) -> Answers:
    """Judge one period. What is found in a longer window must show in the period itself: it lies above its band."""
    first = _first(question)
    index = question.index - first
    values = question.values[:, first : question.index + 1].astype(np.float64)
    learned = np.array(question.periods.settled[first : question.index + 1])
    values[:, ~learned] = np.nan
    values[:, index] = question.values[:, question.index] - question.announced
    out = question.out[:, first : question.index + 1]
    starts = _starts(question.periods, first, question.index + 1)
    scores = detect.judge(values, starts, [index], out=out, complete=_complete(question), small=question.least)[index]
    heard = np.full(len(values), learned[:index].sum() >= question.min_periods)  # kept out or not, it is history
    limit = scores.limit(question.false_alerts)
    heard &= np.isfinite(scores.score)
    unusual = heard & (scores.score > -np.log10(question.false_alerts))
    shows = (scores.window == 1) | (values[:, index] / _share(question) > scores.high)
    return Answers(
        heard,
        {
            "score": scores.score,
            "expected": scores.expected,
            "low": scores.low,
            "high": scores.high,
            "limit": limit,
            "found": unusual & shows,
            "lingers": unusual & ~shows,
            "window": scores.window,
            "window_excess": scores.excess,
        },
    )


def _complete(question: Question) -> tuple[Floats, Floats] | None:
    if question.complete is None or question.periods.settled[question.index]:
        return None
    count = len(question.values)
    return np.full(count, question.complete.share), np.full(count, question.complete.sd)


def _share(question: Question) -> float:
    """How much of the judged period is usually known."""
    complete = question.complete if _complete(question) else None
    return complete.share if complete else 1.0


def _first(question: Question) -> int:
    """Where what is looked at begins."""
    if question.periods.grain is Grain.HOUR:
        return max(0, question.index - min(HOURLY_WEEKS * 7, question.lookback) * 24)
    return max(0, question.index - question.lookback)


def _starts(periods: Periods, first: int, end: int) -> NDArray[np.datetime64]:
    unit = "h" if periods.grain is Grain.HOUR else "D"
    return np.array([at.replace(tzinfo=None) for at in periods.starts[first:end]], dtype=f"datetime64[{unit}]")


# --- how many false alerts are accepted -----------------------------------------------------------------------

QUARTER = 90.0
"""Days: the unit of `false_alerts`."""

_MOST = 1.0
"""No circuit is judged more sensitively than this, in false alerts a quarter: beyond it noise is all there is."""

_EVEN_SHARE = 0.2
"""The part of a channel's alerts that is spread evenly, so that small circuits are not deaf."""


def accepted(policy: AnomalyPolicy, money: Floats, peers: int = 0) -> Floats:
    """The false alerts that are accepted on each of N circuits, per quarter.

    For a whole channel and week they are spread over its circuits: these and `peers` others. Each gets a part that
    grows with its `money` (N,), its usual spend, so that the largest money is heard first: weighted p-values, which
    keep the total whatever the weights (Genovese, Roeder, Wasserman: False discovery control with p-value weighting,
    Biometrika 2006).
    """
    if policy.false_alerts_a_week is None:
        return np.full(len(money), policy.false_alerts)
    if not len(money):
        return np.zeros(0)
    total = policy.false_alerts_a_week * QUARTER / 7 * len(money) / (len(money) + peers)
    sizes = np.abs(np.nan_to_num(money))
    by_money = sizes / sizes.sum() if sizes.sum() > 0 else np.full(len(money), 1 / len(money))
    parts: Floats = total * (_EVEN_SHARE / len(money) + (1 - _EVEN_SHARE) * by_money)
    return np.clip(parts, 1e-9, _MOST)

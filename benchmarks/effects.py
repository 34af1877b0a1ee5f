"""Labelled daily spend with effects that benchmarks/bench/gen.py does not have: `generate(n, T, warm, seed)`.

The same dict as its `generate` (`truth` apart), so that the same scorer judges it. A series has a family (its rhythm
and noise), a provider that it shares with others, and up to two of the effects below; `flags[i]` names them. What
happens is a choice of this file, not a measurement: dates, sizes and shares were set before any detector was run.
Gaps are NaN, in `first` and `final` alike or (a day that came late as a whole) in `first` alone; `full` is `final`
without gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.anomalies import seen_first, shape

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FAMILIES = {"steady": 0.25, "weekly": 0.27, "bursty": 0.15, "storage": 0.12, "small": 0.12, "dormant": 0.09}
SIGMAS = {"bursty": (0.18, 0.4), "storage": (0.005, 0.02), "dormant": (0.2, 0.4)}
PROVIDERS = 3


@dataclass(frozen=True)
class Days:
    """The calendar of the days: Monday is 0, `left` the days until the month's last, `month` counted from the first."""

    dates: NDArray[np.datetime64]
    dow: NDArray[np.int64]
    dom: NDArray[np.int64]
    month: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, count: int, start: str) -> Days:
        dates = np.datetime64(start, "D") + np.arange(count)
        months = dates.astype("datetime64[M]")
        first, after = months.astype("datetime64[D]"), (months + 1).astype("datetime64[D]")
        month = months.astype(np.int64)
        return cls(
            dates,
            (dates.astype(np.int64) + 3) % 7,
            (dates - first).astype(np.int64) + 1,
            month - (month[0] if count else 0),
            (after - first).astype(np.int64),
        )

    @property
    def left(self) -> NDArray[np.int64]:
        return self.length - self.dom

    @property
    def quarter_ends(self) -> Bools:
        return np.asarray(self.dates.astype("datetime64[M]").astype(np.int64) % 3 == 2)

    def __len__(self) -> int:
        return len(self.dates)


@dataclass(frozen=True)
class Provider:
    """What all series of a cloud share: a price list and shocks."""

    price_day: int
    price: float
    shock: Floats  # factor of each day

    @classmethod
    def draw(cls, rng: np.random.Generator, days: int) -> Provider:
        shock = np.ones(days)
        for _ in range(rng.poisson(1.2 * days / 365)):
            start, lasts = rng.integers(days), rng.integers(1, 4)
            shock[start : start + lasts] *= 1 + rng.choice([-1, -1, 1]) * rng.uniform(0.1, 0.4)
        price = 1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.15)
        return cls(int(rng.integers(days // 6, max(days // 6 + 1, days))), price, shock)


@dataclass
class Spend:
    """A series while it is made: usage (its expected money a day), its noise as a factor, other charges, gaps."""

    rng: np.random.Generator
    days: Days
    family: str
    base: float
    usage: Floats
    noise: Floats
    charges: Floats
    missing: Bools
    late: Bools
    flags: set[str] = field(default_factory=set)

    @property
    def clean(self) -> Floats:
        return self.usage * self.noise + self.charges


def correlated(rng: np.random.Generator, sigma: float, count: int) -> Floats:
    """AR(1) noise in logs, heavy-tailed (Student's t), as a factor."""
    phi, freedom = rng.uniform(0.1, 0.6), rng.uniform(3.5, 7)
    steps = rng.standard_t(freedom, count) * np.sqrt((freedom - 2) / freedom * (1 - phi**2)) * sigma
    steps = np.clip(steps, -6 * sigma, 6 * sigma)
    for t in range(1, count):
        steps[t] += phi * steps[t - 1]
    return np.asarray(np.exp(steps))


def intermittent(rng: np.random.Generator, count: int) -> Floats:
    """Days without any spend, and skewed amounts on the others; the mean is 1."""
    idle, shape = rng.uniform(0.1, 0.6), rng.uniform(0.7, 3.0)
    return rng.gamma(shape, 1 / shape, count) * (rng.random(count) > idle) / (1 - idle)


def weekdays(rng: np.random.Generator, family: str) -> Floats:
    """The factor of each weekday; the mean is 1."""
    week = rng.uniform(0.95, 1.05, 7) if family in {"weekly", "bursty"} else np.ones(7)
    if family == "weekly":
        week[5:] = rng.uniform(0.3, 0.9) * rng.uniform(0.9, 1.1, 2)
    elif family in {"steady", "bursty"}:
        week[5:] *= rng.uniform(0.75, 1.0)
    return np.asarray(week / week.mean())


def size(rng: np.random.Generator, family: str) -> float:
    """The usual money a day: of small series cents to twenty, of dormant ones next to nothing."""
    if family == "small":
        return float(np.exp(rng.uniform(np.log(0.5), np.log(20))))
    if family == "dormant":
        return 0.0 if rng.random() < 0.6 else float(rng.uniform(0.01, 0.3))
    return float(np.clip(np.exp(rng.normal(np.log(150), 1.6)), 3, 3e4))


def draw(rng: np.random.Generator, days: Days) -> Spend:
    """A series of a random family, without effects."""
    count = len(days)
    family = str(rng.choice(list(FAMILIES), p=list(FAMILIES.values())))
    base, sigma = size(rng, family), rng.uniform(*SIGMAS.get(family, (0.02, 0.09)))
    growth, wander = rng.normal(0.012, 0.02) / 30.4, 0.001 if family == "storage" else rng.uniform(0.002, 0.007)
    level = base * np.exp(growth * np.arange(count) + np.cumsum(rng.normal(0, wander, count)))
    noise = intermittent(rng, count) if family == "small" else correlated(rng, sigma, count)
    usage = level * weekdays(rng, family)[days.dow]
    return Spend(rng, days, family, base, usage, noise, np.zeros(count), np.zeros(count, bool), np.zeros(count, bool))


def fortnightly_batch(s: Spend, _: Provider) -> None:
    """A job every second week that costs half a day's spend up to four days' spend."""
    on = np.arange(s.rng.integers(14), len(s.days), 14)
    s.charges[on] += s.base * s.rng.uniform(0.5, 4) * np.exp(s.rng.normal(0, 0.08, len(on)))


def payroll(s: Spend, _: Provider) -> None:
    """A peak of usage every second week, on its day and half of it on the next."""
    peak, on = s.rng.uniform(0.3, 1.5), s.rng.integers(14)
    place = (np.arange(len(s.days)) - on) % 14
    s.usage *= 1 + peak * (place == 0) + peak / 2 * (place == 1)


def month_end(s: Spend, _: Provider) -> None:
    """The books close: more usage on the last one to three days of each month."""
    s.usage *= np.where(s.days.left < s.rng.integers(1, 4), s.rng.uniform(1.4, 4), 1.0)


def quarter_end(s: Spend, _: Provider) -> None:
    on = s.days.quarter_ends & (s.days.left < s.rng.integers(2, 7))
    s.usage *= np.where(on, s.rng.uniform(1.3, 3), 1.0)


def price_change(s: Spend, provider: Provider) -> None:
    s.usage[provider.price_day :] *= provider.price


def prepayment(s: Spend, _: Provider) -> None:
    """A commitment paid in advance, each quarter or once a year, of ten to forty days' spend."""
    every = 3 if s.rng.random() < 0.8 else 12
    on = (s.days.dom == s.rng.integers(1, 29)) & (s.days.month % every == s.rng.integers(every))
    s.charges += on * s.base * s.rng.uniform(10, 40)


def gaps(s: Spend, _: Provider) -> None:
    """Days that nobody ever saw, and days that came late as a whole."""
    for _i in range(s.rng.integers(2, 9)):
        start, lasts = s.rng.integers(len(s.days)), s.rng.choice([1, 1, 1, 2, 3, 7])
        (s.missing if s.rng.random() < 0.6 else s.late)[start : start + lasts] = True


def cold_start(s: Spend, _: Provider) -> None:
    """A series that begins late and grows to its level within up to two weeks; before, it is 0 or unknown."""
    born, ramp = s.rng.integers(5, max(6, len(s.days) * 2 // 3)), s.rng.integers(1, 15)
    s.usage *= np.clip((np.arange(len(s.days)) - born + 1) / ramp, 0, 1)
    s.charges[:born] = 0.0
    if s.rng.random() < 0.6:
        s.missing[:born] = True


def net_credit(s: Spend, _: Provider) -> None:
    """Credits that exceed the usage of most days."""
    s.charges -= s.base * s.rng.uniform(1.1, 2.0) * np.exp(s.rng.normal(0, 0.01, len(s.days)))


def drifting_week(s: Spend, _: Provider) -> None:
    """The weekday profile turns into another within the whole time."""
    share = np.linspace(0, 1, len(s.days))
    s.usage *= 1 + share * (s.rng.uniform(0.6, 1.5, 7)[s.days.dow] - 1)


def trend_break(s: Spend, _: Provider) -> None:
    """From some day on spend grows or falls by up to ten percent a month."""
    after = np.maximum(np.arange(len(s.days)) - s.rng.integers(len(s.days)), 0)
    s.usage *= np.exp(s.rng.choice([-1, 1]) * s.rng.uniform(0.03, 0.10) / 30.4 * after)


EFFECTS: dict[str, Callable[[Spend, Provider], None]] = {
    "fortnightly": fortnightly_batch,
    "payroll": payroll,
    "month_end": month_end,
    "quarter_end": quarter_end,
    "price": price_change,
    "prepayment": prepayment,
    "gaps": gaps,
    "cold_start": cold_start,
    "net_credit": net_credit,
    "drifting_week": drifting_week,
    "trend_break": trend_break,
}
LASTING = {"gaps", "cold_start"}  # the only effects on series that (nearly) nothing is spent on


def affect(s: Spend, provider: Provider, only: str | None) -> None:
    """Up to two effects, or the one asked for, and the shock of the provider where it has one."""
    rare = s.family in {"small", "dormant"}
    allowed = sorted(LASTING) if rare else list(EFFECTS)
    count = int(s.rng.random() < 0.3) if rare else s.rng.integers(1, 3)
    chosen = s.rng.choice(allowed, size=count, replace=False).tolist()
    for name in chosen if only is None else [only] if only in allowed else []:
        EFFECTS[name](s, provider)
        s.flags.add(name)
    if only in {None, "shock"} and (provider.shock != 1).any():
        s.usage *= provider.shock
        s.flags.add("shock")


def pick(s: Spend) -> str:
    if s.family in {"small", "dormant"}:
        return "burst" if s.family == "small" else "onset"
    return str(s.rng.choice(["spike", "level", "leak"], p=[0.45, 0.32, 0.23]))


def place(s: Spend, lasts: int, warm: int, taken: Bools) -> int | None:
    """The first day of an anomaly: thirty days from others, where there is spend and a first day that is seen."""
    for _ in range(20 if len(s.days) > warm + lasts + 4 else 0):
        start = int(s.rng.integers(warm + 2, len(s.days) - lasts - 2))
        days = slice(start, start + lasts)
        usage = s.usage[max(0, start - 10) : start + lasts]  # a series that begins has no anomaly yet
        alive = s.family == "dormant" or usage.min() > 0.05 * usage.max()
        if alive and not taken[max(0, start - 30) : start + lasts + 30].any() and not (s.missing | s.late)[start]:
            taken[days] = True
            return start
    return None


def money(s: Spend, kind: str, added: Floats, days: slice) -> Floats:
    if kind == "onset":
        return added
    if kind == "burst":
        return np.asarray(added * s.usage[days].mean())
    return added * (s.usage * s.noise)[days]


def inject(s: Spend, index: int, warm: int, excess: Floats) -> list[dict[str, Any]]:
    """Anomalies, about one in 270 days: adds to `excess` and tells them as gen.py does."""
    rate = 0.6 if s.family == "dormant" else 1.0
    events: list[dict[str, Any]] = []
    taken = np.zeros(len(s.days), bool)
    for _ in range(s.rng.poisson(rate * max(0, len(s.days) - warm) / 270)):
        kind = pick(s)
        added, factor = shape(s.rng, kind)
        start = place(s, len(added), warm, taken)
        if start is None:
            continue
        more = money(s, kind, added, slice(start, start + len(added)))
        excess[start : start + len(added)] += more
        told = {"i": index, "start": start, "end": start + len(added) - 1, "kind": kind, "factor": factor}
        events.append(told | {"impact": float(more.sum()), "daily": float(more.mean())})
    return events


def generate(
    n: int = 400, days: int = 360, warm: int = 90, seed: int = 1, start: str = "2025-01-01", only: str | None = None
) -> dict[str, Any]:
    """`n` labelled series; `only` names the one effect to use. Events lie between day `warm` and the end."""
    rng = np.random.default_rng([seed, 7])
    calendar = Days.of(days, start)
    clouds = [Provider.draw(rng, max(days, 1)) for _ in range(PROVIDERS)]
    excess = np.zeros((n, days))
    events: list[dict[str, Any]] = []
    made = [draw(rng, calendar) for _ in range(n)]
    for i, s in enumerate(made):
        affect(s, clouds[int(rng.integers(PROVIDERS))], only)
        events += inject(s, i, warm, excess[i])
    return bed(made, excess, calendar) | {"events": events, "warm": warm, "seed": seed}


def stacked(rows: list[NDArray[Any]], like: Floats, dtype: type) -> NDArray[Any]:
    return np.array(rows, dtype).reshape(like.shape)


def bed(made: list[Spend], excess: Floats, days: Days) -> dict[str, Any]:
    """The arrays of gen.generate from the series that were made."""
    rng = made[0].rng if made else np.random.default_rng(0)
    clean = stacked([s.clean for s in made], excess, float)
    clean = np.where(np.abs(clean) < 1e-4, 0.0, clean)
    missing, delayed = stacked([s.missing for s in made], excess, bool), stacked([s.late for s in made], excess, bool)
    first, late = seen_first(rng, clean + excess)
    return {
        "first": np.where(missing | delayed, np.nan, first),
        "final": np.where(missing, np.nan, clean + excess),
        "full": clean + excess,
        "clean": clean,
        "excess": excess,
        "dates": days.dates,
        "dow": days.dow,
        "dom": days.dom,
        "month": days.month,
        "dim": days.length,
        "typ": np.array([list(FAMILIES).index(s.family) for s in made], int),
        "flags": [s.flags for s in made],
        "late": late,
        "truth": None,
    }

"""One bill, and two houses that read it: one asks for everything at once, one for a strand at a time.

Whatever happens to the bill and to the readings of it, both must come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from cloudcircuit.engine.periods import charge_day, day_start
from cloudcircuit.model import (
    AnomalyPolicy,
    Breakdown,
    BreakerPolicy,
    BreakerState,
    Budget,
    BurnRatePolicy,
    Cost,
    Grain,
    Match,
    Monitor,
    Period,
    Phase,
    ReportStatus,
    SpendQuery,
)
from cloudcircuit.ports import Deadline, SpendReport
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.house import House
from cloudcircuit.service.trend import evidence_at
from cloudcircuit.stores import memory_store
from tests.service.world import FIRST, HOUR, Charge, Cloud, Fragile, Killed, a_house, kill, refused, watching

SERVICES = ("EC2", "S3", "EKS")
ACCOUNTS: tuple[str | None, ...] = ("1", "2", None)
REGIONS: tuple[str | None, ...] = ("east", "west", None)
USUAL = (("EC2", "1", "east"), ("EC2", "2", "west"), ("S3", "2", "east"))
"""What is spent in every period: service, account, region."""
ODD = "odd"
"""A charge that is alone in every dimension, category too: where it is missing, every strand can see that it is."""


class Key(NamedTuple):
    """Which charge it is, of which there is one; `at` counts periods of the grain from the first day's midnight."""

    at: int
    service: str
    account: str | None
    region: str | None
    category: str
    currency: str


# --- the bill -----------------------------------------------------------------------------------------------


@dataclass
class Bill:
    """What was spent, and what of it cannot be seen just now. Periods are counted from midnight of the first day.

    Hours begin shortly before the clocks of the United States go forward.
    """

    grain: Grain
    zone: ZoneInfo
    charges: dict[Key, tuple[Decimal, Decimal]] = field(default_factory=dict)
    gone: set[date] = field(default_factory=set)
    broken: dict[date, int] = field(default_factory=dict)
    without_odd: bool = False
    narrowed: bool = False
    filled: set[int] = field(default_factory=set)

    @property
    def length(self) -> timedelta:
        return HOUR if self.grain is Grain.HOUR else timedelta(days=1)

    @property
    def first(self) -> date:
        return FIRST.date() + timedelta(days=5 if self.grain is Grain.HOUR else 0)

    def start(self, at: int) -> datetime:
        if self.grain is Grain.HOUR:
            return day_start(self.first, self.zone) + at * HOUR
        return day_start(self.first + timedelta(days=at), self.zone)

    def day(self, at: int) -> date:
        return charge_day(self.start(at), self.zone)

    def newest(self, now: datetime) -> int:
        """The newest period that is over."""
        if self.grain is Grain.HOUR:
            return (now - self.start(0)) // HOUR - 1
        return (charge_day(now, self.zone) - self.first).days - 1

    def fill(self, newest: int, late: Mapping[int, int]) -> None:
        """What is spent in every period."""
        for at in range(newest + 1):
            if at not in self.filled and newest - at >= late.get(at, 0):
                self.filled.add(at)
                for place, who in enumerate(USUAL):
                    amount = Decimal(40 + 20 * place + at % 3)
                    self.charges[Key(at, *who, "Usage", "USD")] = (amount, amount)

    def is_calm(self) -> bool:
        return not self.gone and not self.broken and not self.without_odd

    def calm(self) -> None:
        self.gone, self.broken, self.without_odd = set(), {}, False

    def seen(self) -> list[Charge]:
        return [self._charge(key) for key in self.charges if self._is_there(key) and not self._is_lost(key)]

    def behind(self, day: date) -> list[str]:
        """All that the provider has of a day, whether it can be read or not: what a version of it stands for."""
        keys = [key for key in self.charges if self.day(key.at) == day and self._is_there(key)]
        return sorted(repr((key, self.charges[key])) for key in keys)

    def _is_there(self, key: Key) -> bool:
        return self.day(key.at) not in self.gone and not (self.narrowed and key.account == "2")

    def _is_lost(self, key: Key) -> bool:
        return key.service == ODD and (self.without_odd or self.day(key.at) in self.broken)

    def _charge(self, key: Key) -> Charge:
        values = {
            "service": key.service,
            "sub_account": key.account,
            "region": key.region,
            "charge_category": key.category,
        }
        return Charge(self.start(key.at), values, *self.charges[key], key.currency, key.category)


@dataclass
class Strands(Cloud):
    """Answers one breakdown at a time, and tells days by a mark: of what it says of them, or of all that there is."""

    bill: Bill = field(default_factory=lambda: Bill(Grain.DAY, ZoneInfo("UTC")))
    by_version: bool = False

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        report = super().fetch(query, deadline)
        table = report.table
        days = [charge_day(at, self.zone) for at in table["ChargePeriodStart"].to_pylist()]
        told = {charge_day(at, self.zone) for at in self._starts(query)}
        rows: dict[date, list[str]] = {day: [] for day in told}
        for day, row in zip(days, table.to_pylist(), strict=True):
            rows[day].append(repr(row))
        marks = {day: self._mark_of(day, lines) for day, lines in rows.items()}
        same = frozenset(day for day, mark in marks.items() if query.marks.get(day) == mark)
        moved = table.filter(pa.array([day not in same for day in days], pa.bool_()))
        return replace(report, table=moved, told=frozenset(told), unchanged=same, marks=marks)

    def _mark_of(self, day: date, rows: list[str]) -> str:
        return sha256("".join(self.bill.behind(day) if self.by_version else sorted(rows)).encode()).hexdigest()

    def _starts(self, query: SpendQuery) -> Iterator[datetime]:
        assert query.visible_until is not None
        for charge in self.charges:
            if query.start <= charge.start < query.end and charge.start + self.bill.length <= query.visible_until:
                yield charge.start


@dataclass(frozen=True)
class Report:
    """How a reading goes."""

    status: ReportStatus = ReportStatus.COMPLETE
    fails: bool = False
    dies: str | None = None

    @property
    def is_whole(self) -> bool:
        return self.status is ReportStatus.COMPLETE and not self.fails


# --- the two houses -----------------------------------------------------------------------------------------

EAST, NOT_EAST = Match("region", ("east",)), Match("region", ("east",), negate=True)
POLICIES: dict[str, Any] = {
    "anomaly": AnomalyPolicy(method="spike", lookback=5, min_days=3, new_level_after=4),
    "breaker": BreakerPolicy(failure_threshold=2, cooldown=timedelta(hours=48)),
    "min_impact": Decimal(5),
}


def a_budget(limit: int, period: Period = Period.MONTH, cost: Cost = Cost.BILLED) -> Budget:
    return Budget(Decimal(limit), "USD", period, cost)


ALWAYS = watching("accounts", per=("sub_account",), budget=a_budget(3000), **POLICIES)
OTHERS = (
    watching("services", per=("service",), budget=a_budget(2500), **POLICIES),
    watching("total", limit=4000, **POLICIES),
    watching("regions", per=("region",), burn_rate=BurnRatePolicy(lookback=5, min_days=3), **POLICIES),
    watching("east", per=("service",), where=(EAST,), budget=a_budget(300, Period.WEEK), **POLICIES),
    watching("in_east", where=(EAST,), budget=a_budget(700, cost=Cost.EFFECTIVE), **POLICIES),
    watching("elsewhere", per=("sub_account",), where=(NOT_EAST,), **POLICIES),
    watching("globs", per=("service",), where=(Match("service", ("E*", "od?")),), limit=1500, **POLICIES),
    watching("few", where=(Match("service", ("?3",)), EAST), **POLICIES),
    watching("nobody", per=("service", "region"), where=(Match("sub_account", ("(none)", "2")),), **POLICIES),
    watching(
        "tax", where=(Match("charge_category", ("Tax", "Cre*")),), limit=50, run_rate_charges=("Tax",), **POLICIES
    ),
)


def pushed(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """Each need by itself, filters on other dimensions than its own pushed down where they are exact."""
    return tuple(dict.fromkeys(map(_push, needs)))


def _push(need: Breakdown) -> Breakdown:
    down = tuple(m for m in need.where if m.dimension not in need.dimensions and not _is_glob(m))
    left = {m.dimension for m in need.where if m not in down}
    return Breakdown(tuple(sorted({*need.dimensions, *left} - {"charge_category"})), down)


def _is_glob(match: Match) -> bool:
    return any(sign in pattern for pattern in match.patterns for sign in "*?")


def thrifty(needs: Sequence[Breakdown], _grain: Grain) -> tuple[Breakdown, ...]:
    """As few as can be: what another one answers is not asked for."""
    wide = sorted(map(_push, needs), key=lambda one: (len(one.where), -len(one.dimensions), repr(one)))
    kept: list[Breakdown] = []
    for one in dict.fromkeys(wide):
        if not any(other.answers(one) for other in kept):
            kept.append(one)
    return tuple(kept)


@dataclass
class Pair:
    """Two houses over one bill."""

    bill: Bill
    split: Callable[[Sequence[Breakdown], Grain], tuple[Breakdown, ...]]
    by_version: bool
    lag: timedelta
    share: float

    def __post_init__(self) -> None:
        lag, zone, grain = self.lag, self.bill.zone, self.bill.grain
        strands = Strands(lag=lag, zone=zone, grain=grain, bill=self.bill, by_version=self.by_version)
        self.clouds = (Cloud(lag=lag, zone=zone, grain=grain), strands)
        for cloud in self.clouds:
            cloud.dimensions = ("service", "sub_account", "region")
        self.uneven: set[str] = set()
        self.stores = (Fragile(memory_store()), Fragile(memory_store()))

    def houses(self, monitors: tuple[Monitor, ...]) -> Iterator[House]:
        for cloud, store, split in zip(self.clouds, self.stores, (None, self.split), strict=True):
            house = a_house(*monitors, store=store, aws=cloud)
            spec = replace(house.sources["aws"], split=split, restated_share=self.share)
            yield replace(house, sources={"aws": spec})

    def read(self, monitors: tuple[Monitor, ...], now: datetime, report: Report) -> None:
        for cloud in self.clouds:
            cloud.charges, cloud.broken, cloud.status = self.bill.seen(), dict(self.bill.broken), report.status
            cloud.trouble = refused("no answer") if report.fails else None
        for store, house in zip(self.stores, self.houses(monitors), strict=True):
            if report.dies is not None:
                {"before": store.before, "after": store.after}[report.dies][len(store.commits)] = kill
                with suppress(Killed):
                    run_cycle(house, "aws", now)
            assert run_cycle(house, "aws", now).ok is not report.fails

    def compare(self, monitors: tuple[Monitor, ...], now: datetime) -> None:
        one, other = self.houses(monitors)
        states, others = one.store.states(), other.store.states()
        for name in states.keys() ^ others.keys():
            # A row that was taken back stands as 0 in one ledger, and a strand that is new never saw it.
            assert is_idle({**states, **others}[name]), name
            self.uneven.add(name)
        for name in states.keys() - self.uneven:
            assert states[name] == others[name], name
        sources = [_without_notes(house) for house in (one, other)]
        assert sources[0] == sources[1]

    def compare_figures(self, monitors: tuple[Monitor, ...], now: datetime) -> None:
        """What each house remembers: the series and the sums of each monitor, cut from its ledger alone."""
        one, other = self.houses(monitors)
        names = {**one.store.states(), **other.store.states()}
        for monitor in monitors:
            first, second = (evidence_at(house, monitor, now, *names) for house in (one, other))
            assert first is not None and second is not None
            left, right = first.periods, second.periods
            assert (left.starts, left.settled) == (right.starts, right.settled), monitor.name
            usage = first.cut.usage, second.cut.usage
            if self.bill.grain is Grain.HOUR:
                # Past the watermark, one table knows an hour by the rows of others: it is 0 there, and not yet known.
                usage = np.nan_to_num(usage[0]), np.nan_to_num(usage[1])
            else:
                assert left.known == right.known, monitor.name
            assert np.array_equal(*usage, equal_nan=True), monitor.name
            assert first.budgets == second.budgets, monitor.name


def is_idle(state: BreakerState) -> bool:
    """Whether a circuit has had no money in any period that counts."""
    spent = 0 if state.budget is None else state.budget.spend
    return not spent and not state.anomalies and not state.failures and state.phase is Phase.CLOSED


def _without_notes(house: House) -> object:
    """The sources, but for what may differ: lateness is learned from another breakdown."""
    return {
        name: replace(s, notes=(), marks={}, dimensions=(), growing=None) for name, s in house.store.sources().items()
    }

"""A small world for the tests of the cycle: clouds that are plain rows, real state, and what people were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from cloudcircuit.clock import Deadline
from cloudcircuit.engine.periods import charge_day, day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import (
    Act,
    Action,
    AnomalyPolicy,
    BreakerState,
    Budget,
    CallCost,
    Commit,
    Decision,
    Grain,
    Mode,
    Monitor,
    PlanStep,
    Probe,
    ReportStatus,
    SpendQuery,
    column_of,
)
from cloudcircuit.ports import Deadline as TimeLimit
from cloudcircuit.ports import SpendReport, Store
from cloudcircuit.service.cycle import CycleResult, run_cycle
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.operate import act
from cloudcircuit.service.serve import decisions
from cloudcircuit.stores import memory_store

UTC_ZONE = ZoneInfo("UTC")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
"""The day with number 0: the first of a month, so that budgets are easy to follow."""

STAMP, AMOUNT = pa.timestamp("us", tz="UTC"), pa.decimal128(38, 18)


def day(number: float) -> datetime:
    return FIRST + number * DAY


class Charge(NamedTuple):
    """One row of a bill. `values` are its dimensions by name."""

    start: datetime
    values: Mapping[str, str | None]
    billed: Decimal
    effective: Decimal
    currency: str = "USD"
    category: str = "Usage"


class Key(NamedTuple):
    """Which charge it is, of which there is one."""

    day: datetime
    service: str
    currency: str
    category: str


@dataclass
class Cloud:
    """A source that answers from plain rows, as an adapter does, and goes wrong when told to.

    A period is there once it is over. `asked` holds every query, `limits` the seconds that there were for it.
    """

    charges: list[Charge] = field(default_factory=list)
    lag: timedelta = DAY
    zone: ZoneInfo = UTC_ZONE
    grain: Grain = Grain.DAY
    trouble: Exception | None = None
    status: ReportStatus = ReportStatus.COMPLETE
    broken: Mapping[date, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    accounts: frozenset[str] = frozenset({"111"})
    dimensions: tuple[str, ...] = ("service", "region", "charge_category")
    costs: tuple[str, ...] = ("BilledCost", "EffectiveCost")
    watermark: datetime | None = None
    asked: list[SpendQuery] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)
    on_fetch: Callable[[SpendQuery], None] | None = None

    def spend(
        self,
        number: float,
        amount: float | str,
        service: str = "EC2",
        *,
        effective: float | str | None = None,
        currency: str = "USD",
        category: str = "Usage",
        **values: str | None,
    ) -> None:
        """One more charge on a day."""
        billed = Decimal(str(amount))
        spread = billed if effective is None else Decimal(str(effective))
        named = {"service": service, "charge_category": category, **values}
        self.charges.append(Charge(day(number), named, billed, spread, currency, category))

    def steady(self, days: Iterable[int], amount: float | str = 100, service: str = "EC2", **more: Any) -> None:
        for number in days:
            self.spend(number, amount, service, **more)

    def restate(self, number: int, amount: float | str, service: str = "EC2") -> None:
        """Say something else of a day."""
        self.charges = [c for c in self.charges if (c.start, c.values["service"]) != (day(number), service)]
        self.spend(number, amount, service)

    def drop(self, *numbers: int) -> None:
        """Lose days whole."""
        gone = {day(number) for number in numbers}
        self.charges = [charge for charge in self.charges if charge.start not in gone]

    # --- the port ---

    def fetch(self, query: SpendQuery, deadline: TimeLimit) -> SpendReport:
        self.asked.append(query)
        self.limits.append(deadline.left())
        if self.on_fetch is not None:
            self.on_fetch(query)
        if self.trouble is not None:
            raise self.trouble
        assert query.visible_until is not None
        length = HOUR if self.grain is Grain.HOUR else DAY
        visible = [charge for charge in self.charges if charge.start + length <= query.visible_until]
        inside = [charge for charge in visible if query.start <= charge.start < query.end]
        return SpendReport(
            table=_table(inside, query, self.costs),
            watermark=self._mark(visible, query.visible_until),
            status=self.status,
            broken=self.broken,
            notes=self.notes,
            accounts=self.accounts if inside else frozenset(),
            dimensions=self.dimensions,
        )

    def _mark(self, visible: Sequence[Charge], now: datetime) -> datetime | None:
        if self.watermark is not None or not visible:
            return self.watermark
        newest = max(charge.start for charge in visible)
        if self.grain is Grain.DAY:
            newest = day_start(charge_day(newest, self.zone), self.zone)
        return min(newest, now - self.lag)

    def probe(self, deadline: TimeLimit) -> Probe:
        return Probe(tuple(sorted(self.accounts)))

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: TimeLimit) -> list[PlanStep]:
        return [PlanStep("rows", CallCost(requests=len(queries)))]

    def close(self) -> None:
        """Nothing is open."""


def _table(charges: Iterable[Charge], query: SpendQuery, costs: Sequence[str]) -> pa.Table:
    cells: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for charge in charges:
        if all(match.accepts(charge.values.get(match.dimension)) for match in query.where):
            values = [charge.values.get(name) for name in query.dimensions]
            cell = cells[charge.start, charge.currency, charge.category, *values]
            cell[0] += charge.billed
            cell[1] += charge.effective
    names = ["ChargePeriodStart", "BillingCurrency", "ChargeCategory", *map(column_of, query.dimensions)]
    kinds = [STAMP, *[pa.string()] * (len(names) - 1)]
    columns = {
        name: pa.array([key[at] for key in cells], kind)
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    for at, name in enumerate(("BilledCost", "EffectiveCost")):
        if name in costs:
            columns[name] = pa.array([cell[at] for cell in cells.values()], AMOUNT)
    return pa.table(columns)


# --- the house ----------------------------------------------------------------------------------------------


SPIKE = AnomalyPolicy(method="spike", lookback=14)


def watching(name: str = "m", **settings: Any) -> Monitor:
    """A monitor that enforces and tells the console, unless told otherwise."""
    limit = settings.pop("limit", None)
    if limit is not None:
        settings["budget"] = Budget(Decimal(str(limit)), "USD")
    given = {"mode": Mode.ENFORCE, "sources": ("aws",), "channels": ("console",), "anomaly": SPIKE, **settings}
    return Monitor(name=name, currency="USD", **given)


def a_house(*monitors: Monitor, store: Store | None = None, **clouds: Cloud) -> House:
    """A house of these monitors over these clouds, by the names of their sources."""
    return House(
        store=store or memory_store(),
        sources={name: a_source(name, cloud) for name, cloud in clouds.items()},
        monitors=monitors,
        rules={},
        deadline=Deadline,
    )


def a_source(name: str, cloud: Cloud) -> Source:
    return Source(name, lambda: cloud, cloud.zone, cloud.grain, cloud.lag, 6 * HOUR, 60.0, 0.05)


def cycle(house: House, number: float, source: str = "aws") -> CycleResult:
    """One cycle at the beginning of a day (or a part of it later)."""
    return run_cycle(house, source, day(number))


def cycles(house: House, days: Iterable[int], source: str = "aws") -> None:
    for number in days:
        assert cycle(house, number, source).ok


# --- what came of it ----------------------------------------------------------------------------------------


def told(house: House) -> list[tuple[str, str]]:
    """Every alert and event that was owed to the console, oldest first: (kind, circuit or subject)."""
    return [(kind, who) for _, kind, who, _ in heard(house)]


def heard(house: House, channel: str = "console") -> list[tuple[datetime, str, str, dict[str, Any]]]:
    """The same with the moment and the whole payload."""
    found: list[tuple[datetime, str, str, dict[str, Any]]] = []
    for delivery in house.store.deliveries(limit=100_000):
        if delivery.channel != channel:
            continue
        event = delivery.envelope["event"]
        payloads = [*delivery.envelope["alerts"], *([event] if event else [])]
        found += [(delivery.owed_at, p["kind"], p.get("circuit") or p.get("subject", ""), p) for p in payloads]
    return found


def state_of(house: House, circuit: str = "m") -> BreakerState:
    return house.store.states()[circuit]


def served(house: House, number: float) -> dict[str, Action]:
    return {answer.circuit: answer.action for answer in decisions(house, day(number))}


def answer(house: House, number: float, circuit: str = "m") -> Decision:
    (found,) = [one for one in decisions(house, day(number)) if one.circuit == circuit]
    return found


def an_act(kind: str, match: str = "m", at: float = 0, until: float | None = None, **more: Any) -> Act:
    made = Act(f"{kind}-{match}-{at}", kind, match, day(at), "ann", "planned", None if until is None else day(until))
    return replace(made, **more)


class Killed(BaseException):
    """The process is gone."""


class Fragile:
    """A real store that runs code before or after its n-th commit: a kill, or somebody else's write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.commits: list[Commit] = []
        self.before: dict[int, Callable[[], object]] = {}
        self.after: dict[int, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, commit: Commit) -> None:
        if commit == Commit():
            return
        place = len(self.commits)
        self.commits.append(commit)
        self.before.get(place, bool)()
        self._store.commit(commit)
        self.after.get(place, bool)()


def kill() -> None:
    raise Killed


def acknowledging(house: House, circuit: str, at: float) -> Callable[[], object]:
    """Somebody acknowledges a circuit just then."""
    return lambda: act(house.store, an_act("ack", circuit, at=at))


def refused(text: str = "the login is refused", *, permanent: bool = False) -> AdapterError:
    return AdapterError(text, permanent=permanent)

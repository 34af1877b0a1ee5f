"""The same bill read by two houses: one asks for everything at once, one for a strand at a time and only what moved.

Whatever happens to the bill and to the readings of it, both must come to the same figures and the same decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcircuit.engine.periods import day_end
from cloudcircuit.model import (
    Breakdown,
    Grain,
    ReportStatus,
)
from tests.service.strands import (
    ACCOUNTS,
    ALWAYS,
    ODD,
    OTHERS,
    REGIONS,
    SERVICES,
    USUAL,
    Bill,
    Key,
    Pair,
    Report,
    pushed,
    thrifty,
)
from tests.service.world import FIRST

# --- what happens -------------------------------------------------------------------------


@dataclass(frozen=True)
class Spend:
    """A charge that is there from now on, or costs something else."""

    back: int
    amount: int
    service: str
    account: str | None
    region: str | None
    category: str
    currency: str
    spread: int | None

    def happen(self, bill: Bill, newest: int) -> None:
        at = max(0, newest - self.back)
        # Credits are no whole numbers: no sum of charges and credits is then 0 by chance.
        amount = Decimal(self.amount) - (Decimal("0.01") if self.amount < 0 else 0)
        effective = amount if self.spread is None else Decimal(self.spread)
        if not amount and not effective:
            return  # a row without money makes a circuit in a table, and none in a strand that is new
        key = Key(at, self.service, self.account, self.region, self.category, self.currency)
        bill.charges[key] = (amount, effective)


@dataclass(frozen=True)
class Odd:
    back: int
    amount: int

    def happen(self, bill: Bill, newest: int) -> None:
        key = Key(max(0, newest - self.back), ODD, ODD, ODD, ODD, "USD")
        bill.charges[key] = (Decimal(self.amount), Decimal(self.amount))


@dataclass(frozen=True)
class Withdraw:
    """The odd charges are gone for good."""

    def happen(self, bill: Bill, newest: int) -> None:
        bill.charges = {key: amounts for key, amounts in bill.charges.items() if key.service != ODD}


@dataclass(frozen=True)
class Restate:
    """What is spent in every period cost something else in one."""

    back: int
    who: int
    amount: int

    def happen(self, bill: Bill, newest: int) -> None:
        key = Key(max(0, newest - self.back), *USUAL[self.who], "Usage", "USD")
        if key in bill.charges:
            bill.charges[key] = (Decimal(self.amount), Decimal(self.amount))


@dataclass(frozen=True)
class Delete:
    """A charge is gone for good; only where nothing else is lost.

    In a report that is not whole one table keeps it, and a strand that adds it to others does not.
    """

    back: int
    which: int

    def happen(self, bill: Bill, newest: int) -> None:
        found = [key for key in sorted(bill.charges, key=repr) if key.at == newest - self.back and key.service != "EC2"]
        if found:
            del bill.charges[found[self.which % len(found)]]


@dataclass(frozen=True)
class Vanish:
    """A day is gone whole; it was over when it was last read, for a filter makes 0 of hours that were not told."""

    back: int

    def day(self, bill: Bill, newest: int) -> date:
        return bill.day(max(0, newest - self.back * (16 if bill.grain is Grain.HOUR else 1)))

    def happen(self, bill: Bill, newest: int) -> None:
        bill.gone.add(self.day(bill, newest))


@dataclass(frozen=True)
class Break:
    back: int

    def happen(self, bill: Bill, newest: int) -> None:
        bill.broken[bill.day(max(0, newest - self.back))] = 1


@dataclass(frozen=True)
class Mend:
    def happen(self, bill: Bill, newest: int) -> None:
        bill.calm()


@dataclass(frozen=True)
class Widen:
    def happen(self, bill: Bill, newest: int) -> None:
        bill.narrowed = False


Happening = Spend | Odd | Withdraw | Restate | Delete | Vanish | Break | Mend | Widen


@dataclass(frozen=True)
class Step:
    """What happens before a reading, and how the reading goes."""

    hours: int
    happenings: tuple[Happening, ...]
    report: Report
    toggles: tuple[int, ...] = ()
    narrows: bool = False
    hides_odd: bool = False

    def happen(self, bill: Bill, newest: int, report: Report, read_at: datetime) -> None:
        for happening in sorted(self.happenings, key=lambda one: isinstance(one, Delete)):
            if isinstance(happening, Delete) and not (report.is_whole and bill.is_calm()):
                continue
            if isinstance(happening, Vanish) and day_end(happening.day(bill, newest), bill.zone) > read_at:
                continue
            happening.happen(bill, newest)
        bill.without_odd = self.hides_odd and report.status is not ReportStatus.COMPLETE
        bill.narrowed |= self.narrows and not report.fails  # a report that is not whole would not show it


@dataclass(frozen=True)
class Story:
    """A bill from its beginning on; `late` are days whose usual charges come so many days later."""

    grain: Grain
    zone: str
    split: Callable[[Sequence[Breakdown], Grain], tuple[Breakdown, ...]]
    by_version: bool
    share: float
    first: frozenset[int]
    late: Mapping[int, int]
    steps: tuple[Step, ...]

    def play(self) -> None:
        bill = Bill(self.grain, ZoneInfo(self.zone))
        is_hourly = self.grain is Grain.HOUR
        pair = Pair(bill, self.split, self.by_version, timedelta(hours=6 if is_hourly else 24), self.share)
        now = bill.start(72 if is_hourly else 5)
        chosen, is_new, read_at = set(self.first), True, FIRST
        for step in self.steps:
            now += timedelta(hours=step.hours) / (4 if is_hourly else 1)
            newest = bill.newest(now)
            bill.fill(newest, {} if is_hourly else self.late)
            chosen ^= set(step.toggles)
            monitors = (ALWAYS, *(monitor for at, monitor in enumerate(OTHERS) if at in chosen))
            is_new |= bool(step.toggles)
            must_be_calm = is_new or step.narrows
            report = replace(step.report, status=ReportStatus.COMPLETE) if must_be_calm else step.report
            step.happen(bill, newest, report, read_at)
            if must_be_calm:
                bill.calm()
            if is_new:
                bill.narrowed = False
            pair.read(monitors, now, report)
            if not report.fails:
                is_new, read_at = False, now
            pair.compare(monitors, now)
        if not is_new:
            pair.compare_figures(monitors, now)


SPENDS = st.builds(
    Spend,
    st.integers(0, 6),
    st.sampled_from([-30, -7, 0, 1, 20, 45, 90, 400, 1200]),
    st.sampled_from(SERVICES),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(REGIONS),
    st.sampled_from(["Usage", "Usage", "Tax", "Credit"]),
    st.sampled_from(["USD", "USD", "USD", "EUR"]),
    st.sampled_from([None, None, 0, 50]),
)
HAPPENINGS = st.one_of(
    SPENDS,
    SPENDS,
    st.builds(Odd, st.integers(0, 4), st.sampled_from([3, 60, 500])),
    st.builds(Odd, st.integers(0, 4), st.sampled_from([3, 60, 500])),
    st.just(Withdraw()),
    st.just(Withdraw()),
    st.builds(Restate, st.integers(0, 6), st.integers(0, 2), st.sampled_from([5, 41, 61, 81, 300])),
    st.builds(Delete, st.integers(0, 5), st.integers(0, 9)),
    st.builds(Vanish, st.integers(0, 5)),
    st.builds(Break, st.integers(0, 5)),
    st.just(Mend()),
    st.just(Widen()),
)
REPORTS = st.builds(
    Report,
    st.sampled_from([ReportStatus.COMPLETE] * 3 + [ReportStatus.PARTIAL, ReportStatus.SUSPICIOUS]),
    st.sampled_from([False] * 5 + [True]),
    st.sampled_from([None] * 8 + ["before", "after"]),
)
STEPS = st.builds(
    Step,
    st.sampled_from([6, 24, 24, 36]),
    st.lists(HAPPENINGS, max_size=5).map(tuple),
    REPORTS,
    st.one_of(st.just(()), st.just(()), st.lists(st.integers(0, len(OTHERS) - 1), max_size=2, unique=True).map(tuple)),
    st.sampled_from([False] * 7 + [True]),
    st.booleans(),
)
STORIES = st.builds(
    Story,
    st.sampled_from([Grain.DAY, Grain.DAY, Grain.HOUR]),
    st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata"]),
    st.sampled_from([pushed, thrifty]),
    st.booleans(),
    st.sampled_from([0.01, 0.05]),
    st.frozensets(st.integers(0, len(OTHERS) - 1), min_size=1, max_size=2),
    st.dictionaries(st.integers(3, 12), st.integers(1, 3), max_size=3),
    st.lists(STEPS, min_size=8, max_size=10).map(tuple),
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(STORIES)
def test_one_table_and_many_strands_come_to_the_same(story: Story) -> None:
    story.play()

"""Days that moved are read again, the others are not; whatever happens, the sum of all readings is the bill."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, Where
from cloudcircuit.ports import SpendReport
from cloudcircuit.testing.context import MemoryMeter
from tests.aws.build import ask, days_of, fetch, only, open_source, sums, total
from tests.aws.conftest import Start
from tests.aws.server import Refusal, Server
from tests.aws.table import Line, Table

OCTOBER = date(2018, 10, 1)
ALL = {OCTOBER + timedelta(days=n) for n in range(61)}


def spans(server: Server, since: int) -> list[tuple[str, str]]:
    """The spans of grouped requests after the first `since` requests."""
    asked = [request for request in server.seen[since:] if "GroupBy" in request]
    return [(request["TimePeriod"]["Start"], request["TimePeriod"]["End"]) for request in asked]


def again(
    server: Server, first: SpendReport, *dimensions: str, **more: Any
) -> tuple[SpendReport, list[tuple[str, str]]]:
    before = len(server.seen)
    report = fetch(*dimensions, marks=dict(first.marks), **more)
    return report, spans(server, before)


def test_nothing_moved_costs_one_request(server: Server) -> None:
    first = fetch("service")
    assert first.marks.keys() == first.told == ALL
    report, asked = again(server, first, "service")
    assert (asked, report.cost) == ([], CallCost(1, Decimal("0.01")))
    assert (report.table.num_rows, set(report.told), set(report.unchanged)) == (0, set(), ALL)
    assert report.marks == first.marks
    assert report.watermark == first.watermark


def test_the_totals_are_asked_for_once_in_a_cycle(server: Server) -> None:
    source = open_source()
    costs = [source.fetch(ask(*names), Deadline(30)).cost.requests for names in ((), ("service",), ("sub_account",))]
    assert costs[0] >= 2
    assert [request for request in server.seen if "GroupBy" not in request] == server.seen[:1]
    source.fetch(ask("sku", window=(datetime(2018, 9, 1, tzinfo=UTC), datetime(2018, 12, 1, tzinfo=UTC))), Deadline(30))
    assert len([request for request in server.seen if "GroupBy" not in request]) == 2, "but for a longer window"


def test_only_days_that_moved_are_read_again(server: Server) -> None:
    first = fetch("service")
    server.table.scale(date(2018, 11, 29), Decimal(2))
    server.table.scale(date(2018, 11, 30), Decimal(2))
    server.table.scale(date(2018, 10, 7), Decimal("0.5"))
    report, asked = again(server, first, "service", page_size=50)
    assert sorted(asked) == [("2018-10-07", "2018-10-08"), ("2018-11-29", "2018-12-01")]
    assert report.told == {date(2018, 10, 7), date(2018, 11, 29), date(2018, 11, 30)}
    assert report.unchanged == ALL - report.told
    assert {day for day in ALL if first.marks[day] != report.marks[day]} == report.told


def test_a_gap_that_fits_the_same_page_is_read_along(server: Server) -> None:
    first = fetch()
    server.table.scale(date(2018, 11, 20), Decimal(2))
    server.table.scale(date(2018, 11, 29), Decimal(2))
    report, asked = again(server, first)
    assert asked == [("2018-11-20", "2018-11-30")]
    assert len(report.told) == 10
    assert report.unchanged == ALL - report.told


def test_a_day_amid_a_gap_that_is_missing_is_read_again(server: Server) -> None:
    first, amid = fetch(), date(2018, 11, 25)
    server.table.scale(date(2018, 11, 20), Decimal(2))
    server.table.scale(date(2018, 11, 29), Decimal(2))

    def forget(page: dict[str, Any]) -> None:
        page["ResultsByTime"] = [p for p in page["ResultsByTime"] if p["TimePeriod"]["Start"] != amid.isoformat()]

    server.faults = [None, forget]
    report, _ = again(server, first)
    assert (report.broken, amid in report.unchanged, amid in report.marks) == ({amid: 1}, True, False)


def test_usage_moves_a_day_that_credits_pay_for(start: Start) -> None:
    """Its costs are 0 before and after; what the services cost has doubled all the same."""
    day = date(2018, 11, 30)
    table = Table()

    def spend(amount: int) -> list[Line]:
        billed = Decimal(amount)
        return [
            Line(day, billed=billed, usage=billed),
            Line(day, record_type="Credit", billed=-billed, usage=Decimal(0)),
        ]

    table.add(*spend(40))
    server = start(table)
    first = fetch("service")
    assert sums(first, "ChargeCategory") == {"Usage": Decimal(40), "Credit": Decimal(-40)}
    server.table.remake(day, spend(80))
    report, _ = again(server, first, "service")
    assert sums(report, "ChargeCategory") == {"Usage": Decimal(80), "Credit": Decimal(-80)}


def test_the_last_digits_of_a_sum_move_nothing(start: Start) -> None:
    """Sums of floats come out a little different each time they are asked for."""
    day = date(2018, 11, 30)
    line = Line(day, billed=Decimal("1234.5678901234"), usage=Decimal("98765432.1234567891"))
    table = Table()
    table.add(line)
    server = start(table)
    first = fetch("service")
    server.table.remake(day, [replace(line, billed=Decimal("1234.5678901239"), usage=Decimal("98765432.1234567893"))])
    assert again(server, first, "service")[0].unchanged == {day}


def test_a_day_that_is_gone_is_not_told_as_zero(server: Server) -> None:
    first = fetch("service")
    server.table.remake(date(2018, 11, 5), [])
    report, asked = again(server, first, "service")
    assert asked == []
    assert report.unchanged == ALL - {date(2018, 11, 5)}
    assert date(2018, 11, 5) not in report.told


def test_an_account_that_vanishes_is_gone_from_every_day(server: Server) -> None:
    first = fetch("sub_account")
    for day in ALL:
        server.table.remake(day, [line for line in server.table.days[day] if line.account != "044455556666"])
    report, _ = again(server, first, "sub_account")
    assert report.told == ALL
    assert set(sums(report, "SubAccountId")) == {"111122223333"}


def test_a_filter_tells_days_on_which_nothing_was_spent(server: Server) -> None:
    report = fetch("service", where=(only("region", "mars-east-1"),))
    assert (report.table.num_rows, set(report.told)) == (0, ALL)
    assert report.broken == {}


def test_other_metrics_make_other_marks(server: Server) -> None:
    first = fetch("service")
    report, _ = again(server, first, "service", effective="net_amortized")
    assert report.told == ALL


@pytest.mark.parametrize("marks", ["", "x", "x.-1", "x." + "9" * 40, "." * 20, "\x00.5"])
def test_marks_of_anything_are_read_again(server: Server, marks: str) -> None:
    report = fetch("service", marks=dict.fromkeys(ALL, marks))
    assert (set(report.told), set(report.unchanged)) == (ALL, set())


# --- a first reading that is longer than what a day may cost ----------------------------------------------------


def broad(accounts: int = 40, days: int = 60) -> Table:
    table = Table()
    first = date(2018, 12, 1) - timedelta(days=days)
    table.add(
        *(
            Line(first + timedelta(days=day), account=f"{account:012d}", billed=Decimal(account + day))
            for day in range(days)
            for account in range(accounts)
        )
    )
    return table


def test_what_the_cap_leaves_over_is_read_the_next_time(start: Start) -> None:
    server = start(broad(), page_size=40)
    kept: dict[date, str] = {}
    seen: set[date] = set()
    whole = Decimal(0)
    for day in range(1, 20):
        meter = MemoryMeter()
        report = fetch("sub_account", marks=dict(kept), meter=meter, daily_cap="0.20", page_size=40)
        assert meter.spent.dollars <= Decimal("0.20")
        assert max(report.told) == date(2018, 11, 30) or day > 1, "the newest first"
        assert not report.told & seen
        seen |= report.told
        whole += total(report)
        kept |= report.marks
        if not report.broken:
            break
        assert "not read yet" in report.notes[1] and "daily_cap" in report.notes[1]
        assert set(report.broken) == {day for day in server.table.days if day not in seen}
    assert day < 10
    assert len(seen) == 60
    assert whole == sum(line.billed for lines in server.table.days.values() for line in lines)


def test_a_cap_of_one_request_reads_nothing_and_says_so(server: Server) -> None:
    report = fetch("service", daily_cap="0.01")
    assert (set(report.told), set(report.broken)) == (set(), ALL)
    assert report.marks == {}
    assert report.watermark == datetime(2018, 10, 1, tzinfo=UTC), "what is not read grows old"


def test_newest_days_that_cannot_be_read_lie_after_the_watermark(server: Server) -> None:
    """Or a source that can pay for its totals alone would look fresh for ever, with nothing to judge."""
    first = fetch("service")
    for back in (1, 2):
        server.table.scale(date(2018, 12, 1) - timedelta(days=back), Decimal(9))
    report, _ = again(server, first, "service", daily_cap="0.01")
    assert set(report.broken) == {date(2018, 11, 29), date(2018, 11, 30)}
    assert report.watermark == datetime(2018, 11, 29, tzinfo=UTC)
    assert first.watermark == datetime(2018, 11, 30, tzinfo=UTC)


def test_no_money_for_the_totals_is_an_error(server: Server) -> None:
    with pytest.raises(AdapterError, match=r"0\.001 dollars a day.*`daily_cap`"):
        fetch("service", daily_cap="0.001")
    assert server.seen == []


def test_days_that_moved_and_could_not_be_read_keep_what_was_told(server: Server) -> None:
    first = fetch("service")
    server.table.scale(date(2018, 10, 7), Decimal(2))
    report, _ = again(server, first, "service", daily_cap="0.01")
    assert set(report.broken) == {date(2018, 10, 7)}
    assert report.unchanged == ALL, "so that nothing looks as if it had vanished"
    assert date(2018, 10, 7) not in report.marks


def test_an_outage_amid_a_first_reading_keeps_what_was_read(start: Start) -> None:
    server = start(broad(), page_size=40)
    server.faults = [None] * 12 + [Refusal("InternalFailure", 500)] * 9
    report = fetch("sub_account", page_size=40, seconds=4)
    assert report.told
    assert "not read yet" in report.notes[1]
    server.faults = [None] + [Refusal("InternalFailure", 500)] * 9
    with pytest.raises(AdapterError, match="trouble of its own"):
        fetch("sub_account", page_size=40, seconds=2)


# --- many polls, at random --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dimensions", "where"),
    [
        (("service",), ()),
        (("service", "sub_account"), ()),
        (("tag:team",), (only("region", "r1"),)),
        (("sub_account",), (only("tag:team", "(none)"),)),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_readings_in_turn_add_up_to_one_reading(
    start: Start, dimensions: tuple[str, ...], where: Where, seed: int
) -> None:
    """A model of the ledger: what each poll tells is kept by day, and equals what one whole reading tells."""
    chance = random.Random(seed)
    server = start(Table(), page_size=chance.choice([3, 50]))
    kept: dict[date, list[dict[str, Any]]] = {}
    marks: dict[date, str] = {}
    for poll in range(5):
        churn(server.table, chance, poll)
        options: dict[str, Any] = {"page_size": chance.choice([1, 30, 500]), "daily_cap": "5"}
        report = fetch(*dimensions, where=where, marks=dict(marks), **options)
        assert report.broken == {}
        assert report.unchanged <= marks.keys()
        assert not report.unchanged & report.told
        kept |= {day: [] for day in report.told}
        for row in report.table.to_pylist():
            kept[row["ChargePeriodStart"].date()].append(row)
        marks = dict(report.marks)
        whole = fetch(*dimensions, where=where)
        assert set(kept) == whole.told
        assert flat(row for rows in kept.values() for row in rows) == flat(whole.table.to_pylist())


def flat(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


def churn(table: Table, chance: random.Random, poll: int) -> None:
    """A new day or two, and some that are restated: up, down, negative, with groups that come and go."""
    days = [date(2018, 10, 1) + timedelta(days=2 * poll + n) for n in range(2)]
    days += chance.sample(sorted(table.days), k=min(len(table.days), chance.randrange(4)))
    for day in days:
        table.remake(day, [line(day, chance) for _ in range(chance.randrange(1, 12))])


def line(day: date, chance: random.Random) -> Line:
    team = chance.choice([None, "a", "b$c"])
    return Line(
        day,
        service=chance.choice(["s1", "s2", "s3"]),
        account=chance.choice(["000000000001", "000000000002"]),
        region=chance.choice(["r1", "r2", "global"]),
        record_type=chance.choice(
            ["Usage", "Usage", "Tax", "Credit", "RIFee", "SavingsPlanNegation", "DiscountedUsage"]
        ),
        tags=(("team", team),) if team else (),
        billed=Decimal(chance.randrange(-500, 5000)) / 7,
        effective=Decimal(chance.randrange(-500, 5000)) / 3,
        usage=Decimal(chance.randrange(1, 10**6)),
    )


def test_days_are_the_days_of_the_table(server: Server) -> None:
    assert days_of(fetch("service")) == ALL

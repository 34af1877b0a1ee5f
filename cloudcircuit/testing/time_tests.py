"""Time: windows, charge days in every zone, hours, what is not visible yet, and the watermark."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from unittest import SkipTest
from zoneinfo import ZoneInfo

from cloudcircuit.charges import Charge, day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.model import Grain, SpendQuery
from cloudcircuit.testing.bench import DAY, HOUR, Bench
from cloudcircuit.testing.figures import refusal, rows

NOT_ITS_OWN = "Asia/Kathmandu"
"""A zone that no provider bills in."""


class TimeTests(Bench):
    def test_only_days_of_the_window_are_told(self) -> None:
        first, last = self.today - 8 * DAY, self.today - 5 * DAY
        charges = [self.charge(self.today - n * DAY, Decimal(n + 1)) for n in range(14)]
        self.load(charges)
        query = self.query(first=first, last=last)
        report = self.ask(query)
        outside = {row["ChargePeriodStart"] for row in rows(report)} - set(_days(query))
        assert not outside, (
            f"asked for {first} to {last}, the answer has {sorted(outside)}: a row begins at the midnight of a charge"
            " day in [start, end)"
        )
        self.must_say(report, charges, query, "the days of the window (its end is not in it)")
        strange = {*report.told, *report.unchanged, *report.marks, *report.broken} - {at.date() for at in _dates(query)}
        assert not strange, f"told, unchanged, marks and broken name days outside of the window: {sorted(strange)}"

    def test_a_window_without_charges_has_no_rows(self) -> None:
        self.load(self.two_weeks())
        last = self.today - 30 * DAY
        assert not rows(self.ask(self.query(first=last - 3 * DAY, last=last))), "rows that lie outside of the window"

    def test_days_are_cut_in_the_zone(self) -> None:
        if not self.instants:
            raise SkipTest("the source keeps days, no instants")
        for zone in self.zones:
            for day in _odd_days(zone, self.today):
                charges = self._hours(day_start(day - DAY, zone), day_start(day + 2 * DAY, zone))
                self.load(charges)
                query = self.query(zone=zone, first=day - DAY, last=day + DAY, grain=Grain.DAY)
                self.must_say(self.ask(query), charges, query, f"days around {day} in {zone} (see charges.day_start)")

    def test_a_zone_that_it_cannot_cut_days_in_is_refused(self) -> None:
        if not self.own_zone:
            raise SkipTest("`own_zone` is not set: its days are those of any zone")
        self.load(self.two_weeks())
        query = self.query(zone=NOT_ITS_OWN)
        with self.opened() as adapter:
            way_out = "its days are not those of that zone; raise AdapterError, permanent, and name the zone it has"
            error = refusal(lambda: adapter.fetch(query, Deadline(self.patience)), f"days of {NOT_ITS_OWN}", way_out)
        assert error.permanent, f"trying again changes nothing: AdapterError(…, permanent=True) for {error}"

    def test_hours_are_told_as_hours(self) -> None:
        if Grain.HOUR not in self.grains:
            raise SkipTest("`grains` does not name hours")
        day = self.today - DAY
        charges = self._hours(day_start(day, self.zones[0]), day_start(day + DAY, self.zones[0]))
        self.load(charges)
        query = self.query(first=day, last=day, grain=Grain.HOUR)
        self.must_say(self.ask(query), charges, query, "hours")

    def test_what_begins_later_is_not_visible(self) -> None:
        if self.instants:
            until = day_start(self.today - 2 * DAY, self.zones[0]) + 12 * HOUR
            charges = self._hours(until - 30 * HOUR, until + 30 * HOUR)
        else:
            until = day_start(self.today - 2 * DAY, self.zones[0])
            charges = self.two_weeks()
        self.load(charges)
        query = self.query(visible_until=until, grain=Grain.DAY)
        report = self.ask(query, now=until)
        self.must_say(report, charges, query, f"what begins before visible_until ({until:%Y-%m-%d %H:%M})")
        assert report.watermark is None or report.watermark <= until, (
            f"the watermark {report.watermark} lies after visible_until {until}: of that time nothing is known yet"
        )

    def test_the_watermark_is_an_instant_before_the_lag(self) -> None:
        self.load(self.two_weeks())
        mark = self.ask(self.query()).watermark
        assert mark is not None, "there are charges up to today, and no watermark: the source would be called blind"
        assert mark.utcoffset() == timedelta(0), f"the watermark {mark!r} must be aware, in UTC"
        assert mark <= self.now - self.lag, (
            f"the watermark {mark} lies after now − lag ({self.now - self.lag}): charges younger than the operator's"
            " lag are not settled; give min(what the source says, context.clock.now() - context.lag)"
        )
        assert mark >= self.now - self.lag - 3 * DAY, (
            f"there are charges up to {self.today}, and the watermark stays at {mark}: days would never settle"
        )

    def test_the_watermark_follows_the_operators_lag(self) -> None:
        self.load(self.two_weeks())
        self.lag = timedelta(days=5)
        mark = self.ask(self.query()).watermark
        assert mark is not None, "the watermark is gone with a lag of five days"
        assert mark <= self.now - self.lag, (
            f"with a lag of 5 days the watermark is {mark}, at {self.now}: heed context.lag"
        )

    def test_now_is_the_contexts(self) -> None:
        self.load(self.two_weeks())
        then = self.now - 4 * DAY
        mark = self.ask(self.query(visible_until=then), now=then).watermark
        assert mark is None or mark <= then - self.lag, (
            f"asked as of {then}, the watermark is {mark}: time is context.clock.now(), never the machine's"
        )

    def _hours(self, start: datetime, end: datetime) -> list[Charge]:
        count = (end - start) // HOUR
        return [self.charge(start + n * HOUR, Decimal(n + 1) / 10) for n in range(count)]


def _dates(query: SpendQuery) -> list[datetime]:
    """The midnights of a query's days, in its zone."""
    zone = ZoneInfo(query.zone)
    first, last = query.start.astimezone(zone).date(), (query.end - HOUR).astimezone(zone).date()
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]


def _days(query: SpendQuery) -> list[datetime]:
    return [day_start(at.date(), query.zone) for at in _dates(query)]


def _odd_days(zone: str, today: date) -> list[date]:
    """The days of the last year on which the clock changes in a zone; an ordinary one where it never does."""
    days = [today - n * DAY for n in range(2, 370)]
    odd = [day for day in days if day_start(day + DAY, zone) - day_start(day, zone) != DAY]
    return odd or days[:1]

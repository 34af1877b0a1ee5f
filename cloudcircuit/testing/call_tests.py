"""What calls cost: they are counted before they are made, `plan` is free, `probe` says what is there."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from unittest import SkipTest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, CallCost, PlanStep
from cloudcircuit.testing.bench import DAY, Bench
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit.testing.figures import day_of, refusal

_SPENT = "the day's budget for calls is used up"


@dataclass(slots=True)
class _ClosedMeter(MemoryMeter):
    """A meter whose day is used up."""

    def take(self, cost: CallCost, cap: Decimal | None = None) -> None:  # noqa: ARG002 - nothing is left for any call
        raise AdapterError(_SPENT)


class CallTests(Bench):
    def test_the_meter_counts_what_the_report_says(self) -> None:
        self.load(self.two_weeks())
        meter = MemoryMeter()
        with self.opened(meter=meter) as adapter:
            reports = [self.fetch(adapter, self.query(dimensions)) for dimensions in ((), self.groupable[:1])]
        told = sum((report.cost for report in reports), CallCost())
        assert meter.spent.requests == told.requests, (
            f"the reports say {told.requests} requests, the meter has counted {meter.spent.requests}: each call is"
            " taken with context.meter.take(CallCost(…)) before it is made, and added to the report's cost"
        )
        assert meter.spent.dollars == told.dollars, (
            f"the reports say {told.dollars} dollars, the meter has counted {meter.spent.dollars}"
        )

    def test_the_meter_counts_what_the_provider_sees(self) -> None:
        self.load(self.two_weeks())
        before, meter = self.calls(), MemoryMeter()
        self.ask(self.query(self.groupable[:1]), meter=meter)
        seen = self.calls() - before
        assert meter.spent.requests == seen, (
            f"the provider has seen {seen} calls, the meter has counted {meter.spent.requests}: pages and retries count"
        )

    def test_a_used_up_day_ends_the_calls(self) -> None:
        self.load(self.two_weeks())
        meter = MemoryMeter()
        self.ask(self.query(), meter=meter)
        if not meter.calls:
            raise SkipTest("its calls are not counted")
        with self.opened(meter=_ClosedMeter()) as adapter:
            what, way_out = "a day whose budget for calls is used up", "what meter.take raises must come out of fetch"
            error = refusal(lambda: adapter.fetch(self.query(), Deadline(self.patience)), what, way_out)
        assert _SPENT in str(error), f"{what}: the error says {error}; let the meter's own words through"

    def test_plan_says_what_a_reading_costs_and_pays_nothing(self) -> None:
        self.load(self.two_weeks())
        needs = [Breakdown(), Breakdown(self.groupable[:1])]
        queries = [self.query(each.dimensions, each.where) for each in self.split(needs)]
        meter = MemoryMeter()
        with self.opened(meter=meter) as adapter:
            steps = adapter.plan(queries, dict.fromkeys(self.groupable, 5), Deadline(self.patience))
            assert not meter.spent.dollars, f"plan paid {meter.spent.dollars} dollars: it must be free"
            assert all(isinstance(step, PlanStep) and step.what for step in steps), f"plan gave {steps!r}: PlanSteps"
            paid = sum((self.fetch(adapter, query).cost.dollars for query in queries), Decimal(0))
        planned = sum((step.cost for step in steps), CallCost())
        assert planned.dollars.is_finite(), f"plan says {planned.dollars} dollars"
        assert bool(planned.dollars) >= bool(paid), f"the reading cost {paid} dollars, and plan says that it is free"

    def test_plan_needs_no_sizes(self) -> None:
        self.load(self.two_weeks())
        with self.opened() as adapter:
            steps = adapter.plan([self.query(self.groupable[:1])], {}, Deadline(self.patience))
        assert all(isinstance(step, PlanStep) for step in steps), f"plan without sizes gave {steps!r}: PlanSteps"

    def test_probe_says_what_is_there(self) -> None:
        newest = self.today - 2 * DAY
        self.load([self.charge(newest - 3 * DAY, "1"), self.charge(newest, "2")])
        with self.opened() as adapter:
            probe = adapter.probe(Deadline(self.patience))
        assert probe.newest is not None, "probe: there are charges, and `newest` is None"
        assert probe.newest.utcoffset() is not None, f"probe: newest {probe.newest!r} must be aware"
        assert day_of(probe.newest, self.zones[0]) == newest, (
            f"probe: the newest charge is of {newest}, not {probe.newest}"
        )
        assert probe.oldest is None or probe.oldest <= probe.newest, f"probe: oldest {probe.oldest} after newest"
        others = set(probe.currencies) - {self.currencies[0]}
        assert not others, f"probe: currencies {sorted(others)} were never loaded"
        assert all(isinstance(text, str) and text for text in (*probe.accounts, *probe.notes)), (
            f"probe: texts, not {probe}"
        )

    def test_probe_of_an_empty_source_says_so(self) -> None:
        self.load([])
        with self.opened() as adapter:
            probe = adapter.probe(Deadline(self.patience))
        assert probe.newest is None, f"probe: the source is empty, and `newest` is {probe.newest}"

"""Filters and breakdowns: what a source is asked for must answer what monitors need, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import SkipTest

from cloudcircuit.model import NONE_VALUE, Breakdown, Match, is_dimension
from cloudcircuit.ports import CostAdapter
from cloudcircuit.testing.bench import Bench
from cloudcircuit.testing.figures import Figures, days_with_rows, expected, figures, must_be_same, named, narrowed


class FilterTests(Bench):
    def test_a_filter_holds_for_every_charge_of_the_answer(self) -> None:
        charges = self.two_weeks()
        self.load(charges)
        needs = [
            Breakdown((dimension,), (match,)) for dimension in self.dimensions for match in self._matches(dimension)
        ]
        needs += [Breakdown((), need.where) for need in needs]
        asked = [each for need in needs if self.can(need) for each in self.split([need]) if each.where]
        if not asked:
            raise SkipTest("split never asks with a filter")
        with self.opened() as adapter:
            for each in dict.fromkeys(asked):
                query = self.query(each.dimensions, each.where)
                self.must_say(self.fetch(adapter, query), charges, query, named(each))

    def test_a_filter_is_never_ignored(self) -> None:
        """Whatever split makes of it: a query that has a filter is answered with it."""
        charges = self.two_weeks()
        self.load(charges)
        with self.opened() as adapter:
            for dimension in self.dimensions:
                for match in self._matches(dimension):
                    need = Breakdown((dimension,) if dimension in self.groupable else (), (match,))
                    if self.can(need):
                        query = self.query(need.dimensions, need.where)
                        self.must_say(self.fetch(adapter, query), charges, query, named(need))

    def test_each_need_is_answered_by_a_breakdown(self) -> None:
        needs = [need for need in self._needs() if self.can(need)]
        assert needs, "unsupported has something to say of every need there is"
        for some in (needs, *([need] for need in needs)):
            made = self.split(some)
            for need in some:
                assert any(each.answers(need) for each in made), (
                    f"split gave no breakdown that answers {named(need)}; Breakdown.answers tells which do"
                )

    def test_split_asks_for_dimensions(self) -> None:
        made = self.split([need for need in self._needs() if self.can(need)])
        assert isinstance(made, tuple), "split gives a tuple of Breakdowns"
        assert len(set(made)) == len(made), "split asks the same twice"
        for each in made:
            names = [*each.dimensions, *(match.dimension for match in each.where)]
            unknown = [name for name in names if not is_dimension(name)]
            assert not unknown, f"split asks for {unknown}, which are no dimensions"
            assert len(set(each.dimensions)) == len(each.dimensions), f"split asks twice for one of {each.dimensions}"

    def test_the_breakdowns_tell_what_is_needed(self) -> None:
        charges = self.two_weeks()
        self.load(charges)
        needs = [need for need in self._needs() if self.can(need)]
        made = self.split(needs)
        with self.opened() as adapter:
            answers = {each: self._figures(adapter, each) for each in made}
        for need in needs:
            wanted = expected(charges, self.dimensions, self.query(need.dimensions, need.where), self.costs)
            for each in made:
                if each.answers(need):
                    must_be_same(
                        narrowed(answers[each], each, need), wanted, f"{named(need)}, told from {named(each)},"
                    )

    def test_what_it_cannot_answer_has_a_way_out(self) -> None:
        for need in self._needs():
            for text in self.plugin.unsupported(self.settings(), need, self.grains[0]):
                assert len(text.split()) > 4, (
                    f"of {named(need)}, unsupported says only {text!r}: name what is not possible, and the way out"
                )

    def test_what_drivers_need_is_answered_or_told(self) -> None:
        """After an anomaly of one value, each other dimension is asked for within it."""
        charges = self.two_weeks()
        self.load(charges)
        needs = [
            need
            for dimension in self.dimensions
            for other in self.groupable
            if other != dimension and self.can(need := Breakdown((other,), (self._first_value(dimension),)))
        ]
        if not needs:
            raise SkipTest("no other dimension can be asked for within one value")
        made = self.split(needs)
        with self.opened() as adapter:
            for need in needs:
                each = next((each for each in made if each.answers(need)), None)
                assert each is not None, f"split gave no breakdown that answers {named(need)}"
                wanted = expected(charges, self.dimensions, self.query(need.dimensions, need.where), self.costs)
                must_be_same(narrowed(self._figures(adapter, each), each, need), wanted, named(need))

    def test_days_are_known_behind_a_filter(self) -> None:
        charges = self.two_weeks()
        self.load(charges)
        zone = self.zones[0]
        needs = [Breakdown((), (self._first_value(dimension),)) for dimension in self.dimensions]
        filtered = [each for need in needs if self.can(need) for each in self.split([need]) if each.where]
        if not filtered:
            raise SkipTest("split asks for everything, and without a filter")
        report = self.ask(self.query(filtered[0].dimensions, filtered[0].where))
        assert report.watermark is not None, "there are charges, and no watermark: a filter does not move it"
        whole = self.ask(self.query())
        settled = {day for day in days_with_rows(whole, zone) if self.query(last=day).end <= report.watermark}
        unknown = settled - days_with_rows(report, zone) - report.told
        assert not unknown, (
            f"of {sorted(unknown)} the filtered answer says nothing: where the filter is pushed down, a day without a"
            " row cost nothing there; name the days that the source answered for in `told`"
        )

    def _figures(self, adapter: CostAdapter, asked: Breakdown) -> Figures:
        return figures(self.fetch(adapter, self.query(asked.dimensions, asked.where)), asked.dimensions)

    def _needs(self) -> list[Breakdown]:
        """What monitors may need: nothing, one dimension, pairs, with and without filters."""
        singles: list[Breakdown] = [Breakdown((name,)) for name in self.dimensions]
        pairs = [Breakdown((one, other)) for one in self.dimensions for other in self.dimensions if one != other]
        filtered = [
            Breakdown((per,) if per else (), (match,))
            for dimension in self.dimensions
            for match in self._some_matches(dimension)
            for per in ("", *self.dimensions)
        ]
        return [Breakdown(), *singles, *pairs, *filtered, Breakdown(self.dimensions)]

    def _first_value(self, dimension: str) -> Match:
        return Match(dimension, (self._real(dimension)[0],), exact=True)

    def _some_matches(self, dimension: str) -> Sequence[Match]:
        value = self._real(dimension)[0]
        return self._first_value(dimension), Match(dimension, (f"{value[:2]}*",), negate=True)

    def _real(self, dimension: str) -> list[str]:
        return [value for value in self.values[dimension] if value is not None]

    def _matches(self, dimension: str) -> Iterator[Match]:
        """Every kind of filter, of values that are there and of some that are not."""
        real = self._real(dimension)
        first = real[0]
        for value in real:
            yield Match(dimension, (value,), exact=True)
            yield Match(dimension, (value,), exact=True, negate=True)
        yield Match(dimension, tuple(real), exact=True)
        for pattern in (first, f"{first[:2]}*", f"*{first[-2:]}", f"{first[:-1]}?", "*", first.swapcase(), NONE_VALUE):
            yield Match(dimension, (pattern,))
            yield Match(dimension, (pattern,), negate=True)
        yield Match(dimension, (NONE_VALUE, first))
        yield Match(dimension, (f"{first[:2]}*",), exact=True)

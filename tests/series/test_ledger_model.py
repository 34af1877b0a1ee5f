"""The ledger against a plain model in dictionaries, over random sayings."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.service.diff import Restated
from cloudcircuit.service.ledger import image, recall
from tests.series.world import SAID, Cells, Row, Source, called, cells, day, lines, report, total

DAYS = 3
AMOUNTS = st.one_of(
    st.sampled_from([Decimal(0), Decimal(1), Decimal("-2.5"), Decimal("1e-18")]),
    st.decimals(min_value=-(10**9), max_value=10**9, places=18, allow_nan=False, allow_infinity=False),
)
KEYS = st.tuples(
    st.sampled_from(["a", "b", "(none)", "", None]), st.sampled_from(["USD", "EUR"]), st.sampled_from(["Usage", "Tax"])
)
DAY_SAID = st.dictionaries(KEYS, st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=6)
SAYING = st.dictionaries(st.integers(0, DAYS - 1), DAY_SAID, max_size=DAYS)
WHOLE_SAYING = st.fixed_dictionaries(dict.fromkeys(range(DAYS), DAY_SAID))

Said = dict[int, dict[tuple[str | None, str, str], tuple[Decimal, Decimal]]]


def rows(said: Said) -> list[Row]:
    return [
        Row(called(number), (service,), billed, effective, currency, category)
        for number, lines in said.items()
        for (service, currency, category), (billed, effective) in lines.items()
    ]


def as_cells(said: Said) -> Cells:
    return cells(report(rows(said)))


def known_after(sayings: list[Said]) -> Said:
    """A day that is said replaces what was known of it; a day that is not keeps it."""
    known: Said = {}
    for said in sayings:
        known = {**known, **said}
    return known


@settings(max_examples=80, deadline=None)
@given(sayings=st.lists(SAYING, min_size=1, max_size=5), data=st.data())
def test_what_is_known_is_what_was_said_last(sayings: list[Said], data: st.DataObject) -> None:
    source = Source()
    for count, said in enumerate(sayings, start=1):
        before = known_after(sayings[: count - 1])
        order = data.draw(st.permutations(rows(said)))
        diff = source.say(report(order))
        known = known_after(sayings[:count])
        assert set(diff.word) == {day(number) for number in known}
        assert cells(image(source.statements)) == as_cells(known)
        assert lines(recall(source.statements)) == lines(diff.word)
        _check_restated(diff.restated, before, said)
        gone = {n for n in before if n not in said and any(map(any, before[n].values()))}
        assert set(diff.vanished_days) == {day(number) for number in gone}
        assert source.say(report(order)).statements == ()
        source.said -= 1


def _check_restated(restated: tuple[Restated, ...], before: Said, said: Said) -> None:
    expected = {}
    for number in before.keys() & said.keys():
        for currency in ("EUR", "USD"):
            old, new = (total_of(lines[number], currency) for lines in (before, said))
            for place, cost in enumerate(("billed", "effective")):
                if old[place] != new[place]:
                    expected[day(number), currency, cost] = (old[place], new[place])
    assert {(r.day, r.currency, r.cost.value): (r.old, r.new) for r in restated} == expected


def total_of(lines: dict[tuple[str | None, str, str], tuple[Decimal, Decimal]], currency: str) -> list[Decimal]:
    return [sum((a[place] for key, a in lines.items() if key[1] == currency), Decimal(0)) for place in (0, 1)]


@settings(max_examples=60, deadline=None)
@given(sayings=st.lists(SAYING, min_size=1, max_size=4))
def test_any_past_moment_can_be_told(sayings: list[Said]) -> None:
    source = Source()
    for said in sayings:
        source.say(report(rows(said)))
    for count in range(len(sayings) + 1):
        until = SAID + (count - 1) * timedelta(hours=6)
        assert cells(image(s for s in source.statements if s.said_at <= until)) == as_cells(
            known_after(sayings[:count])
        )


@settings(max_examples=60, deadline=None)
@given(sayings=st.lists(SAYING, max_size=4), last=WHOLE_SAYING, data=st.data())
def test_totals_do_not_depend_on_the_order_of_restatements(
    sayings: list[Said], last: Said, data: st.DataObject
) -> None:
    found = []
    for order in (sayings, data.draw(st.permutations(sayings))):
        source = Source()
        for said in [*order, last]:
            source.say(report(rows(said)))
        found.append(cells(image(source.statements)))
    assert found[0] == found[1] == as_cells(last)
    assert total(found[0]) == total(found[1])

"""What a source that reads all its charges says of itself: what it sees, and what it cannot answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cloudcircuit.charges import Charge, refuse_unknown, survey
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Breakdown, Grain, Match, Probe

NOON = datetime(2024, 11, 18, 12, tzinfo=UTC)
CHARGE = Charge(NOON, "USD", "Usage", ("Compute",), Decimal(1))


def test_a_survey_says_what_there_is() -> None:
    later = replace(CHARGE, start=NOON + timedelta(days=3), currency="EUR")
    found = survey(iter([CHARGE, later, CHARGE]), accounts=["2", "1", "2"])
    assert found == Probe(("1", "2"), ("EUR", "USD"), NOON, NOON + timedelta(days=3))


def test_a_survey_of_nothing_finds_nothing() -> None:
    assert survey([]) == Probe()


def test_a_survey_needs_no_amounts_but_texts() -> None:
    assert survey([replace(CHARGE, billed=None)]).currencies == ("USD",)
    with pytest.raises(AdapterError, match="no text"):
        survey([CHARGE, replace(CHARGE, currency=None)])  # type: ignore[arg-type]  # that is the point


def test_what_is_known_is_not_refused() -> None:
    unsupported = refuse_unknown(("service", "tag:team"), tuple(Grain))
    for need in (
        Breakdown(),
        Breakdown(("tag:team", "service")),
        Breakdown(("charge_category",), (Match("service", ("C*",)), Match("charge_category", ("Usage",)))),
    ):
        assert [unsupported(None, need, grain) for grain in Grain] == [(), ()]


def test_each_unknown_dimension_is_told_once_with_the_way_out() -> None:
    need = Breakdown(("region", "service"), (Match("tag:team", ("red",)), Match("region", ("eu-*",), negate=True)))
    assert refuse_unknown(("service",), [Grain.DAY])(None, need, Grain.DAY) == (
        "the source does not know the region of a charge, only service, charge_category; leave region out of `per` and"
        " `where`",
        "the source does not know the tag:team of a charge, only service, charge_category; leave tag:team out of `per`"
        " and `where`",
    )


def test_a_source_that_knows_the_category_as_a_dimension_names_it_once() -> None:
    (told,) = refuse_unknown(("charge_category",), [Grain.DAY])(None, Breakdown(("sku",)), Grain.DAY)
    assert "only charge_category;" in told


def test_a_grain_that_is_not_known_is_told() -> None:
    unsupported = refuse_unknown(("service",), [Grain.DAY])
    assert unsupported(None, Breakdown(), Grain.HOUR) == (
        'the source does not know the hour of a charge; set grain = "day"',
    )
    assert len(unsupported(None, Breakdown(("sku",)), Grain.HOUR)) == 2

"""What is refused at configuration time, and that the fewest breakdowns answer every need."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.model import Breakdown, Grain, Match
from cloudcircuit_azure.columns import MOST, lay_out
from tests.azure.build import SUBSCRIPTION, is_, like, options, split, unsupported


@pytest.mark.parametrize(
    "need",
    [
        Breakdown(),
        Breakdown(("service",)),
        Breakdown(("service", "region")),
        Breakdown(("service", "region", "provider", "billing_account", "charge_category")),
        Breakdown(("service",), (like("tag:env", "prod"),)),
        Breakdown(("region", "sku"), (like("service", "Storage", "Virtual Machines"), like("sub_account", "aa-1"))),
        Breakdown(("service",), (like("service", "*SQL*", negate=True), like("charge_category", "Tax", negate=True))),
        Breakdown(("tag:env",), (is_("service", "a*b"),)),
        Breakdown(("commitment_status", "service")),
    ],
)
def test_what_azure_can_answer(need: Breakdown) -> None:
    assert not unsupported(need)


@pytest.mark.parametrize(
    ("need", "says"),
    [
        (Breakdown(("service", "region", "sku")), "groups by 2 dimensions, and this needs service, region, sku"),
        (Breakdown(("service", "region"), (like("sku", "P*"),)), "needs service, region, sku"),
        (Breakdown(("service", "region"), (like("sku", "P1", negate=True),)), "needs service, region, sku"),
        (Breakdown(("service", "region"), (like("sku", "(none)"),)), "needs service, region, sku"),
        (Breakdown(("region", "sku"), (like("service", "P1", negate=True),)), "needs region, sku, service"),
        (Breakdown(("region", "sku"), (is_("sub_account", "AA-1"),)), "needs region, sku, sub_account"),
        (Breakdown(("service", "region"), (like("tag:env", "prod"),)), "needs service, region, tag:env"),
        (Breakdown(("tag:a", "tag:b")), "one tag at a time, and this needs tag:a and tag:b"),
        (Breakdown(("service_category",)), "cannot tell service_category apart"),
        (Breakdown(("charge_class",)), "cannot tell charge_class apart"),
        (Breakdown(("resource",)), "not in a billing account; make a source for each subscription"),
        (Breakdown((), (like("region", "EU West"),)), "write eu west for EU West"),
        (Breakdown((), (like("sub_account", "AA*"),)), "write aa\\* for AA\\*"),
    ],
)
def test_what_it_cannot_has_a_way_out(need: Breakdown, says: str) -> None:
    (text,) = unsupported(need)
    assert re.search(says, text)
    assert "focus" in text or "write" in text


def test_hours_are_refused() -> None:
    (text,) = unsupported(Breakdown(), Grain.HOUR)
    assert 'grain = "day"' in text


def test_a_subscription_has_resources_and_is_its_own_account() -> None:
    assert not unsupported(Breakdown(("resource", "service", "sub_account")), scope=SUBSCRIPTION)
    assert unsupported(Breakdown(("billing_account",)), scope=SUBSCRIPTION)


def test_one_breakdown_answers_what_it_can() -> None:
    needs = [
        Breakdown(),
        Breakdown(("service",)),
        Breakdown(("service",), (like("sub_account", "aa-1"),)),
        Breakdown(("sub_account",), (like("charge_category", "Usage"),)),
    ]
    assert split(*needs) == (Breakdown(("service", "sub_account")),)


def test_the_filter_of_a_circuit_goes_to_azure() -> None:
    need = Breakdown(("region",), (is_("service", "Storage"), is_("tag:env", "prod")))
    assert split(need) == (Breakdown(("region", "tag:env"), (is_("service", "Storage"),)),)


def test_a_filter_goes_to_azure_where_there_is_no_room() -> None:
    need = Breakdown(("region", "sku"), (like("service", "Storage"),))
    assert split(need) == (Breakdown(("region", "sku"), (like("service", "Storage"),)),)


def test_two_that_answer_each_other_are_one() -> None:
    one, other = is_("service", "Storage"), is_("sub_account", "aa-1")
    assert split(Breakdown(("sku",), (one, other)), Breakdown(("sku",), (other, one))) == (
        Breakdown(("sku",), (one, other)),
    )


NAMES = ["service", "sub_account", "region", "sku", "provider", "charge_category", "tag:a", "tag:b", "billing_account"]
MATCHES = st.builds(
    Match,
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(["a", "b", "x*", "(none)"]), min_size=1, max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
)
NEEDS = st.builds(
    Breakdown,
    st.lists(st.sampled_from(NAMES), max_size=3, unique=True).map(tuple),
    st.lists(MATCHES, max_size=2).map(tuple),
)


@given(st.lists(NEEDS, min_size=1, max_size=6))
def test_every_supported_need_is_answered_and_nothing_is_spare(needs: list[Breakdown]) -> None:
    able = [need for need in needs if not unsupported(need)]
    found = split(*able) if able else ()
    for need in able:
        assert any(breakdown.answers(need) for breakdown in found), need
    for breakdown in found:
        assert not unsupported(breakdown), breakdown
        assert len(lay_out(options().place, breakdown.dimensions, breakdown.where).grouped) <= MOST
        assert not any(other is not breakdown and other.answers(breakdown) for other in found)

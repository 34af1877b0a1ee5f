"""What can be asked, and how the needs of monitors become as few chains as possible. No server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.model import Breakdown, Grain, Match, SpendQuery
from cloudcircuit_aws import plugin
from cloudcircuit_aws.asks import make_ask
from cloudcircuit_aws.needs import groupings_of
from tests.aws.build import AUTUMN, only


def need(*dimensions: str, where: tuple[Match, ...] = ()) -> Breakdown:
    return Breakdown(dimensions, where)


def split(*needs: Breakdown) -> tuple[Breakdown, ...]:
    return plugin.split(None, needs, Grain.DAY)


def refused(one: Breakdown) -> tuple[str, ...]:
    return plugin.unsupported(None, one, Grain.DAY)


@pytest.mark.parametrize(
    ("one", "names"),
    [
        (need("region"), ["region", "filter by region but not group by it"]),
        (need("service", where=(Match("region", ("eu-*",)),)), ["region", "exact values"]),
        (need("resource"), ["resource"]),
        (need("service_category", "charge_class"), ["service_category", "charge_class"]),
        (need("service", "sub_account", "sku"), ["service", "sub_account", "sku", "two dimensions"]),
        (need("service", "tag:team", where=(Match("tag:env", ("prod*",)),)), ["tag:env", "tag:team", "service"]),
        (need("service", "tag:team", where=(only("tag:env", "prod", negate=True),)), ["tag:env"]),
        (need("service", where=(only("region", "(none)"),)), ["region"]),
    ],
)
def test_what_is_impossible_says_which_dimension_and_the_way_out(one: Breakdown, names: list[str]) -> None:
    said = refused(one)
    assert said
    assert all('adapter = "focus"' in text for text in said)
    assert all(any(name in text for text in said) for name in names)


@pytest.mark.parametrize(
    "one",
    [
        need(),
        need("service", "sub_account"),
        need("service", "sub_account", "sub_account_name"),
        need("service", "tag:team", "charge_category", "commitment_status", "provider", "billing_account"),
        need("service", "sub_account", where=(only("region", "eu-west-1"), only("tag:env", "prod", "(none)"))),
        need("service", "sub_account", where=(Match("sku", ("BoxUsage:m5.large",)),)),
        need("service", where=(Match("sku", ("BoxUsage*",), negate=True),)),
        need("tag:a", "tag:b", where=(Match("charge_category", ("U*",)),)),
    ],
)
def test_what_is_possible(one: Breakdown) -> None:
    assert refused(one) == ()
    (found,) = split(one)
    assert found.answers(one)


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ([need()], [need()]),
        # By two dimensions costs a chain for each kind of charge: by one and by the other is cheaper.
        ([need("service"), need("sub_account")], [need("service"), need("sub_account")]),
        # What has to be fetched anyway answers what is less.
        (
            [need("service"), need(), need("sub_account", "service"), need("sub_account")],
            [need("service", "sub_account")],
        ),
        ([need(), need("service")], [need("service")]),
        # A filter of its own has fewer rows; one breakdown serves all the monitors of a service each.
        ([need(where=(only("service", "a"),))], [need(where=(only("service", "a"),))]),
        ([need(where=(only("service", name),)) for name in "abcde"], [need("service")]),
        # A filter of its own is cheaper than two groupings, until there are many of them.
        (
            [need("service", where=(only("sub_account", "1"),)), need("service", where=(only("sub_account", "2"),))],
            [need("service", where=(only("sub_account", "1"),)), need("service", where=(only("sub_account", "2"),))],
        ),
        ([need("service", where=(only("sub_account", f"{n}"),)) for n in range(12)], [need("service", "sub_account")]),
        # A glob has to be applied to groups.
        ([need("service", where=(Match("tag:env", ("prod*",)),))], [need("service", "tag:env")]),
        # A region can only be a filter; the unfiltered one comes first.
        (
            [need("service", where=(only("region", "r"),)), need("sub_account")],
            [need("sub_account"), need("service", where=(only("region", "r"),))],
        ),
        # Two regions apart are two filters; what they share with others is grouped.
        (
            [need("service", where=(only("region", "r"), only("sub_account", "1")))],
            [need("service", where=(only("region", "r"), only("sub_account", "1")))],
        ),
        # Accounts by id and by name are one request, and so is what costs no grouping.
        ([need("sub_account_name"), need("sub_account")], [need("sub_account", "sub_account_name")]),
        (
            [need("service", "commitment_status"), need("service", "provider")],
            [need("commitment_status", "provider", "service")],
        ),
    ],
)
def test_as_few_chains_as_can_be(needs: list[Breakdown], expected: list[Breakdown]) -> None:
    assert list(split(*needs)) == expected
    assert list(split(*reversed(needs))) == expected, "the order of monitors changes nothing"


DIMENSIONS = [
    "service",
    "sub_account",
    "sub_account_name",
    "sku",
    "region",
    "tag:a",
    "tag:b",
    "charge_category",
    "provider",
]
MATCHES = st.builds(
    Match,
    st.sampled_from(DIMENSIONS),
    st.lists(st.sampled_from(["x", "y*", "(none)", "z?", ""]), min_size=1, max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
)
NEEDS = st.builds(
    Breakdown,
    st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True).map(tuple),
    st.lists(MATCHES, max_size=2, unique=True).map(tuple),
)


@given(st.lists(NEEDS, min_size=1, max_size=6))
def test_every_supported_need_is_answered_by_something_that_can_be_asked(needs: list[Breakdown]) -> None:
    supported = [one for one in needs if not refused(one)]
    found = split(*supported)
    assert all(any(one.answers(each) for one in found) for each in supported)
    assert len(found) <= len(supported)
    for one in found:
        ask = make_ask(SpendQuery(*AUTUMN, dimensions=one.dimensions, where=one.where))
        assert ask.groupings == groupings_of(one.dimensions)
        assert ask.local == (), "what a breakdown filters by is pushed down"


def test_nobody_needs_anything() -> None:
    assert split() == ()

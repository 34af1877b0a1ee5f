"""Pages: all of them, each once, with the same parameters; what is missing or comes twice is found."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cloudcircuit.errors import AdapterError
from tests.aws.build import fetch, only, sums, total
from tests.aws.conftest import Start
from tests.aws.server import Server
from tests.aws.table import bill

THE_7TH = date(2018, 11, 7)


@pytest.mark.parametrize("size", [7, 100])
@pytest.mark.parametrize("dimensions", [("service",), ("service", "sub_account")])
def test_pages_of_any_size_add_up_to_the_same(start: Start, dimensions: tuple[str, ...], size: int) -> None:
    whole = fetch_from(start(bill()), *dimensions)
    server = start(bill(), page_size=size)
    paged = fetch_from(server, *dimensions)
    assert len(server.seen) > 60 * 8 // size
    assert sums(paged, "ChargePeriodStart", "ServiceName") == sums(whole, "ChargePeriodStart", "ServiceName")
    assert paged.broken == {}


def fetch_from(_server: Server, *dimensions: str) -> Any:
    return fetch(*dimensions, max_pages=1000, daily_cap="100")


def test_every_page_is_asked_for_with_the_same_parameters(start: Start) -> None:
    server = start(bill(), page_size=30)
    fetch("service")
    grouped = [{**request} for request in server.seen if "GroupBy" in request]
    tokens = [request.pop("NextPageToken", None) for request in grouped]
    chains = tokens.count(None)
    assert len({repr(request) for request in grouped}) == chains < len(grouped)


def test_a_token_that_comes_again_is_an_error(start: Start) -> None:
    server = start(bill(), page_size=30)
    first: list[str] = []

    def stick(page: dict[str, Any]) -> None:
        if page["GroupDefinitions"] and "NextPageToken" in page:
            first.append(page["NextPageToken"])
            page["NextPageToken"] = first[0]

    server.faults = [stick] * 100
    with pytest.raises(AdapterError, match="again and again"):
        fetch("service")
    assert len(first) == 2


def test_more_pages_than_allowed_are_an_error_that_says_what_to_do(start: Start) -> None:
    start(bill(), page_size=5)
    with pytest.raises(AdapterError, match=r"more than 14 pages \(max_pages\)") as caught:
        fetch("service", max_pages=14)
    assert caught.value.permanent


def drop_page(server: Server, place: int) -> None:
    """The server forgets a page amid a chain: its token leads to the page after it."""

    def edit(page: dict[str, Any]) -> None:
        token = page.get("NextPageToken")
        if token is None:
            server.faults.insert(0, edit)
        else:
            asked, at = server._tokens[token]
            server._tokens[token] = (asked, at + server.page_size)

    server.faults = [None] * place + [edit]


@pytest.mark.parametrize("dimensions", [("service",), ("service", "sub_account")])
def test_a_page_missing_amid_a_chain_is_found(start: Start, dimensions: tuple[str, ...]) -> None:
    server = start(bill(), page_size=50)
    drop_page(server, 4)
    report = fetch(*dimensions)
    assert report.broken
    assert report.told == {day for day in report.told if day not in report.broken}
    assert not report.marks.keys() & report.broken.keys()
    assert any("differ by" in note or "missing from" in note for note in report.notes)
    healed = fetch(*dimensions, marks=dict(report.marks))
    assert healed.broken == {}
    assert total(report) + total(healed) == total(fetch(*dimensions))


def test_a_page_missing_under_a_filter_is_found(start: Start) -> None:
    server = start(bill(), page_size=20)
    where = (only("region", "us-east-1"),)
    assert fetch("service", where=where).broken == {}
    server.seen.clear()
    drop_page(server, 6)
    assert fetch("service", where=where).broken
    assert [request for request in server.seen if "GroupBy" not in request and "Filter" in request]


def test_a_page_that_comes_twice_is_found(start: Start) -> None:
    server = start(bill(), page_size=50)

    def repeat(page: dict[str, Any]) -> None:
        asked, at = server._tokens[page["NextPageToken"]]
        server._tokens[page["NextPageToken"]] = (asked, at - server.page_size)

    server.faults = [None, None, None, repeat]
    report = fetch("service")
    assert report.broken
    assert all(row["ChargePeriodStart"].date() not in report.broken for row in report.table.to_pylist())


def without_period(day: date, key: str = "ResultsByTime") -> Any:
    def edit(page: dict[str, Any]) -> None:
        page[key] = [period for period in page[key] if period["TimePeriod"]["Start"][:10] != day.isoformat()]

    return edit


def test_a_period_that_is_missing_is_no_zero(server: Server) -> None:
    server.faults = [None, without_period(THE_7TH)] + [without_period(THE_7TH)] * 3
    report = fetch("service")
    assert report.broken == {THE_7TH: 1}
    assert THE_7TH not in report.told
    assert any(f"{THE_7TH} is missing" in note for note in report.notes)


def test_totals_with_a_gap_are_an_error(server: Server) -> None:
    server.faults = [without_period(THE_7TH)]
    with pytest.raises(AdapterError, match="totals have a gap"):
        fetch("service")


def test_totals_that_end_early_know_nothing_of_what_follows(server: Server) -> None:
    def shorten(page: dict[str, Any]) -> None:
        del page["ResultsByTime"][40:]

    server.faults = [shorten]
    report = fetch("service")
    assert max(report.told) == date(2018, 11, 9)
    assert report.watermark is not None and report.watermark.date() == date(2018, 11, 9)


def test_a_period_that_nobody_asked_for_is_an_error(server: Server) -> None:
    def foreign(page: dict[str, Any]) -> None:
        page["ResultsByTime"][0]["TimePeriod"] = {"Start": "2031-01-01", "End": "2031-01-02"}

    server.faults = [None, foreign]
    with pytest.raises(AdapterError, match="not asked for"):
        fetch("service")
    server.faults = [foreign]
    with pytest.raises(AdapterError, match="gap, or periods that were not asked for"):
        fetch("service")

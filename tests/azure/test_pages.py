"""Pages: all of them, each once, from nowhere else; and that what is missing shows in the totals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.azure.build import by_day, fetch, refusal, sums
from tests.azure.fake import TOKEN, Fake, spend


@pytest.fixture
def long_bill(azure: Fake) -> Fake:
    azure.table = [spend(f"2026-03-{day:02}", n + 0.5, ServiceName=f"S{n}") for day in (2, 3, 4) for n in range(7)]
    azure.page_size = 5
    return azure


def test_every_page_is_read(long_bill: Fake) -> None:
    report = fetch(long_bill, "service")
    assert by_day(report) == {date(2026, 3, day): 24.5 for day in (2, 3, 4)}
    assert len(sums(report, "ServiceName")) == 7
    assert not report.notes
    assert report.cost.requests == len(long_bill.queries) == 2 * (1 + 5)
    bodies = [body for body in long_bill.queries if len(body["dataset"]["grouping"]) == 2]
    assert all(body == bodies[0] for body in bodies[:5]), "each page is asked for with the same body"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/{path}",
        "https://localhost.evil.example/x",
        "https://localhost@evil.example/x",
        "http://localhost:{port}/x",
        "https://localhost:1/x",
        "//evil.example/x",
        "/relative",
        "https://localhost:{port}\\@evil.example/x",
        "https://localhost:{port}/x\r\nHost: evil.example",
        "https://[::1/x",
        "https://localhost:{port}/{{endpoint}}",
    ],
)
def test_the_login_goes_to_no_other_host(long_bill: Fake, link: str) -> None:
    long_bill.link = lambda _: link.replace("{port}", str(long_bill.port))
    before = len(long_bill.calls)
    found = refusal(long_bill, "service")
    assert "another host" in str(found)
    assert "evil" not in str(found)
    assert TOKEN not in str(found)
    assert len(long_bill.calls) - before <= 6


def test_the_host_is_compared_without_case(long_bill: Fake) -> None:
    long_bill.link = lambda link: link.replace("localhost", "LOCALHOST")
    assert len(by_day(fetch(long_bill, "service"))) == 3


def test_a_page_that_leads_back_is_noticed(long_bill: Fake) -> None:
    long_bill.link = lambda link: link.split("&")[0] + "&$skiptoken=5"
    assert "leads back to a page that was read before" in str(refusal(long_bill, "service"))


def test_pages_without_end_are_cut_off(long_bill: Fake) -> None:
    long_bill.link = lambda link: link.split("&")[0] + f"&$skiptoken=5&n={len(long_bill.queries)}"
    found = refusal(long_bill, "service", max_pages=4)
    assert "more than max_pages = 4" in str(found)
    assert found.permanent
    assert len(long_bill.queries) == 2 + 4


def _without(grouped: int, share: slice) -> Any:
    """An edit that leaves out some rows of answers with so many groups."""

    def edit(found: dict[str, Any]) -> dict[str, Any]:
        properties = found["properties"]
        if len(properties["columns"]) == 3 + grouped:
            properties["rows"] = properties["rows"][share]
        return found

    return edit


def test_rows_that_are_missing_show_in_the_totals(azure: Fake) -> None:
    azure.table = [spend(f"2026-03-{day:02}", n, ServiceName=f"S{n}") for day in (2, 3) for n in (1, 2)]
    azure.edit = _without(2, slice(3))
    report = fetch(azure, "service")
    assert by_day(report) == {date(2026, 3, 2): 3}
    assert dict(report.broken) == {date(2026, 3, 3): 1}
    assert report.told == {date(2026, 3, 2)}
    assert set(report.marks) == {date(2026, 3, 2)}
    assert "groups do not add up to Azure's own total" in report.notes[0]
    assert "2026-03-03 stays untold" in report.notes[0]


def test_a_page_that_comes_twice_under_another_link_shows_too(long_bill: Fake) -> None:
    def twice(found: dict[str, Any]) -> dict[str, Any]:
        if len(found["properties"]["columns"]) == 5 and found["properties"]["nextLink"]:
            found["properties"]["rows"] *= 2
        return found

    long_bill.edit = twice
    report = fetch(long_bill, "service")
    assert set(report.broken) == {date(2026, 3, day) for day in (2, 3, 4)}
    assert report.table.num_rows == 0


def test_a_cent_is_no_difference(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 0.004, ServiceName="S1"), spend("2026-03-02", 1, ServiceName="S2")]
    azure.edit = _without(2, slice(1, None))
    assert not fetch(azure, "service").broken


def test_figures_that_are_renewed_between_two_questions_are_looked_at_again(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1), spend("2026-03-03", 1)]

    def renew(found: dict[str, Any]) -> dict[str, Any]:
        if len(azure.queries) == 2:
            azure.table.append(spend("2026-03-03", 8))
        return found

    azure.edit = renew
    report = fetch(azure, "service")
    assert by_day(report) == {date(2026, 3, 2): 1, date(2026, 3, 3): 9}
    assert not report.broken
    assert not report.notes
    assert fetch(azure, "service", marks=report.marks).told == {date(2026, 3, 3)}, "it is read again next time"

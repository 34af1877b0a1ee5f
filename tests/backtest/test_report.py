"""The HTML report: the answer first, nothing from elsewhere, and whatever stands in the bill stays text."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from cloudcircuit.cli import report_words
from cloudcircuit.cli.report import MOST_CHARTS, MOST_ROWS, render
from cloudcircuit.model import AlertKind, Severity
from cloudcircuit.service.backtest.result import LEDGER, Advice, Alert, Backtest, Comparison, SourceHistory, Suggestion
from tests.alerts.hostile import NASTY
from tests.backtest.histories import DAY, START, backtest, comparison, history, usual
from tests.backtest.page import find, pictures, read
from tests.backtest.past import a_bill, replayed, spiky
from tests.charts.reading import classed

EMPTY = backtest()
ADVICE = Advice(
    allowed_a_week=2.0,
    before_a_week=3.5,
    after_a_week=1.9,
    suggestions=(Suggestion("services", "anomaly.false_alerts", "0.1", "0.05", 7, 4),),
    quietened=(),
    noise_told=(),
    real_missed=(),
    noise_acknowledged=3,
    real_acknowledged=1,
)


def test_the_answer_stands_first() -> None:
    page = render(usual())
    lead = find(page, "p", class_="lead")[0].text
    assert lead == "4 alerts would have fired over 3 circuits and 46 days, 0.6 a week: 2 anomalies, 2 tripped."
    assert page.index(lead) < page.index("<table")
    tiles = [tile.text for tile in find(page, "div", class_="tile")]
    assert tiles[0] == "Alerts 4 0.6 a week"
    assert tiles[1] == "First alert after 2 days median, 2 unusual runs"
    assert re.fullmatch(r"Avoidable \$[\d.]+ of \$[\d.]+ above the expected", tiles[2])
    assert tiles[3] == "Would be blocked 2 × spent in that time: $310.00 (account), $310.00 (services)"


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    page = render(comparison(), ADVICE)
    for element in read(page):
        assert element.name not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        for key, value in element.attributes.items():
            assert not key.startswith("on")
            assert key != "style"
            assert key not in {"href", "src", "srcset", "action", "xlink:href"} or value.startswith("#")
    assert not re.search(r"url\(|@import", page)


def test_the_policy_of_the_page_allows_its_style_and_nothing_else() -> None:
    page = render(usual())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = [meta for meta in find(page, "meta") if meta.attributes.get("http-equiv") == "Content-Security-Policy"]
    said = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy.attributes["content"] == said


@pytest.mark.parametrize("page", [render(usual()), render(comparison(), ADVICE), render(EMPTY)])
def test_links_lead_somewhere_and_every_chart_says_what_it_shows(page: str) -> None:
    ids = [each.attributes["id"] for each in read(page) if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    assert {link.attributes["href"].removeprefix("#") for link in find(page, "a")} <= set(ids)
    for picture in pictures(page):
        if picture.get("aria-hidden") != "true":
            assert [each.tag.rpartition("}")[2] for each in picture[:2]] == ["title", "desc"]
            assert picture[0].text
            assert picture[1].text


def test_every_alert_has_a_row_with_its_words_and_its_delay() -> None:
    page = render(usual())
    rows = [row.text for row in find(page, "tr")]
    said = "services/AWS Glue cost $230.00 on a day that usually costs $110.00"
    assert any(
        re.fullmatch(rf"2027-02-15 services/AWS Glue anomaly {re.escape(said)} \$[\d.]+ 2 days", row) for row in rows
    )
    assert sum("is back to normal" in row for row in rows) == 2


def test_what_is_resolved_is_shown_and_not_counted() -> None:
    page = render(usual())
    assert [cell.text for cell in find(page, "td", class_="over")] == ["resolved", "resolved"]
    assert "resolved" not in find(page, "p", class_="lead")[0].text


def test_loud_circuits_come_first_and_quiet_ones_wait_behind_a_fold() -> None:
    page = render(usual())
    assert [head.text for head in find(page, "h3")] == ["account", "services/AWS Glue", "services/AmazonS3"]
    assert page.index("1 that stayed quiet") < page.index(">services/AmazonS3<")
    assert page.index(">services/AWS Glue</h3>") < page.index("1 that stayed quiet")


def test_beside_each_chart_stand_its_figures() -> None:
    page = render(backtest(history("services/AWS Glue")))
    weeks = [row.text for row in find(page, "tr") if row.text.startswith("2027-02-08")]
    assert re.fullmatch(r"2027-02-08 \$[\d,.]+ \$[\d.]+ \$[\d.]+ 2", weeks[0])
    assert any(
        re.fullmatch(r"2027-02-13 2027-02-16 \$[\d.]+ after 2 days \$[\d.]+", row.text) for row in find(page, "tr")
    )


def test_a_bill_that_was_really_replayed_is_told_as_it_was() -> None:
    result = replayed(spiky(), a_bill(d25=300, d26=300))
    page = render(result)
    told = next(alert for alert in result.alerts if alert.kind is AlertKind.ANOMALY)
    assert f"{told.at:%Y-%m-%d} m anomaly {told.title} $200.00 2 days" in [row.text for row in find(page, "tr")]
    (chart, *_) = [each for each in pictures(page) if each[0].text == "m: spend by day"]
    assert len(classed(chart, "unusual")) == 2
    assert len(classed(chart, "mark triangle")) == 1


# --- hindsight ------------------------------------------------------------------------------------------


def test_hindsight_is_said_openly() -> None:
    (note,) = find(render(usual()), "p", class_="note")
    assert note.text.startswith("Hindsight: for bill only the final figures are known")


def test_what_was_said_then_is_no_hindsight() -> None:
    source = SourceHistory("bill", LEDGER, START.date(), START.date(), 24.0, since=START)
    page = render(replace(usual(), sources=(source,)))
    assert not find(page, "p", class_="note")
    assert "figures as said then, from 2027-01-04 on" in page


def test_a_ledger_that_begins_within_the_span_is_hindsight_in_part() -> None:
    source = SourceHistory("bill", LEDGER, START.date(), START.date(), 24.0, since=START + 20 * DAY)
    assert find(render(replace(usual(), sources=(source,))), "p", class_="note")


# --- two configurations ---------------------------------------------------------------------------------


def test_two_configurations_stand_side_by_side_on_the_same_axes() -> None:
    page = render(comparison())
    assert find(page, "h1")[0].text == "cloudcircuit.toml beside stricter.toml"
    assert "Both tell of 1 unusual run; cloudcircuit.toml alone of 1, stricter.toml alone of 1." in page
    assert "stricter.toml is the earlier by 1 day" in page
    glue = [each for each in pictures(page) if each[0].text == "services/AWS Glue: spend by day"]
    assert len(glue) == 2
    assert len({tuple(words.text for words in each.iter() if words.tag.endswith("text")) for each in glue}) == 1
    assert "told by one alone" in page.lower()


def test_a_circuit_that_one_side_lacks_is_said_to_be_missing() -> None:
    both = comparison()
    page = render(replace(both, theirs=backtest(*both.theirs.circuits[:1])))
    assert page.count("This configuration has no such circuit.") == 2


def test_files_of_one_name_are_told_apart() -> None:
    same = comparison()
    page = render(replace(same, theirs=replace(same.theirs, config=same.ours.config)))
    assert find(page, "h1")[0].text == "cloudcircuit.toml (1) beside cloudcircuit.toml (2)"


def test_suggested_settings_are_shown() -> None:
    page = render(usual(), ADVICE)
    assert [row.text for row in find(page, "tr") if "false_alerts" in row.text] == [
        "services anomaly.false_alerts 0.1 0.05 7 4"
    ]
    assert "3.5 a week with the settings as they are, 1.9 with those suggested" in page


# --- what may stand in a bill ---------------------------------------------------------------------------

MARKUP = (
    "</style><script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<!-- ]]>",
    "</title></desc></svg>",
    "\ufffe\uffff",
)


@pytest.mark.parametrize("name", [*NASTY, *MARKUP], ids=lambda name: repr(name[:12]))
def test_hostile_names_stay_text(name: str) -> None:
    page, plain = render(hostile(name), hostile_advice(name)), render(hostile("plain"), hostile_advice("plain"))
    assert [each.name for each in read(page)] == [each.name for each in read(plain)]
    assert [sorted(each.attributes) for each in read(page)] == [sorted(each.attributes) for each in read(plain)]
    assert len(pictures(page)) == len(pictures(plain))
    assert len(page) < len(plain) + 60_000
    assert "49" not in find(page, "h3")[0].text
    page.encode()


def hostile(name: str) -> Comparison:
    """A name in every field that comes from outside; long ones are cut, so the pages have the same elements."""
    made = history("m/x", budget=True)
    alerts = tuple(replace(alert, subject=name, circuit=name, monitor=name, title=name) for alert in made.alerts)
    runs = tuple(replace(run, circuit=name, monitor=name, told_by=name) for run in made.runs)
    blocks = tuple(replace(block, circuit=name, monitor=name) for block in made.blocks)
    circuit = replace(made, circuit=name, monitor=name, currency="USD", alerts=alerts, runs=runs, blocks=blocks)
    result = backtest(circuit, config=name)
    result = replace(result, sources=(replace(result.sources[0], name=name, notes=(name,)),))
    return Comparison(result, result, runs, runs, ())


def hostile_advice(name: str) -> Advice:
    return replace(ADVICE, suggestions=(Suggestion(name, name, name, name, 1, 0),))


# --- sizes ----------------------------------------------------------------------------------------------


def test_a_year_of_a_thousand_circuits_stays_below_five_megabytes() -> None:
    made = history("services/0", 365, budget=True)
    page = render(backtest(*(replace(made, circuit=f"services/{n}") for n in range(1000))))
    assert len(page.encode()) < 5_000_000
    assert len(find(page, "h3")) == MOST_CHARTS
    assert f"… and {1000 - MOST_CHARTS - MOST_ROWS:,} more" in page
    assert f"… and {3000 - MOST_ROWS:,} more" in page


def test_the_others_have_a_line_each() -> None:
    quiet = [history(f"services/{n}", 20, jump=None) for n in range(MOST_CHARTS + 3)]
    page = render(backtest(*quiet))
    assert [row.text for row in find(page, "tr")][-3:] == [f"services/{MOST_CHARTS + n} no alert" for n in range(3)]


def test_nothing_to_judge_is_said() -> None:
    page = render(EMPTY)
    assert find(page, "p", class_="lead")[0].text == "There was no circuit to judge in this time."
    assert "No alert." in page


def test_a_quiet_time_is_an_answer() -> None:
    page = render(backtest(history("services/AmazonS3", jump=None)))
    lead, *others = (each.text for each in find(page, "p"))
    assert "Nothing would have fired: 1 circuit and 46 days without an alert." in [lead, *others]
    assert "Nothing would have been blocked." in others


def test_alerts_of_a_source_have_a_row_without_a_link() -> None:
    blind = Alert(START + 20 * DAY, "bill", None, None, AlertKind.SOURCE_BLIND, Severity.CRITICAL, "bill is blind")
    page = render(replace(usual(), alerts=(blind,)))
    assert "2027-01-24 bill source blind bill is blind" in [row.text for row in find(page, "tr")]
    assert not find(page, "a")


# --- words ----------------------------------------------------------------------------------------------


def test_sums_of_different_currencies_stand_beside_each_other() -> None:
    assert report_words.amounts({"USD": 5.0, "EUR": 2.5}) == "$5.00 and €2.50"
    assert report_words.amounts({}) == "nothing"


@pytest.mark.parametrize(("length", "said"), [(1.0, "1 day"), (0.04, "0 days"), (2.5, "2.5 days"), (30.0, "30 days")])
def test_lengths_of_time_are_said_in_days(length: float, said: str) -> None:
    assert report_words.days(length) == said


def test_a_span_over_a_new_year_names_both_years() -> None:
    made = usual()
    start, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 2, 3, tzinfo=UTC)
    assert report_words.when(_spanning(made, start, end)) == "1 December 2026 to 3 February 2027, 46 days"
    assert report_words.when(_spanning(made, end, end)) == "3 February 2027, 46 days"


def _spanning(result: Backtest, start: datetime, end: datetime) -> Backtest:
    return replace(result, start=start, end=end)

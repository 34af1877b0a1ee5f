"""The report of a backtest as one HTML file: it needs no network and no script, and names from the bill stay text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cloudcircuit.charts import BudgetChart, SpendChart, css, draw_budget, draw_counts, draw_spend, sample
from cloudcircuit.cli import report_charts as charts
from cloudcircuit.cli import report_words as words
from cloudcircuit.engine.text import money, shown
from cloudcircuit.engine.wording import NOUNS
from cloudcircuit.service.backtest.heard import CALMING
from cloudcircuit.service.backtest.result import (
    Advice,
    Alert,
    Backtest,
    CircuitHistory,
    Comparison,
    Point,
    Run,
)
from cloudcircuit.service.backtest.summary import monday_of

MOST_CHARTS = 50
"""Circuits that get charts; the others get a line in a table."""

MOST_ROWS = 400
"""Rows of a table; what is left out is said, and stands in the JSON."""

_SMALL_TEXT = 160
_MOST_LISTED = 8

KEY = (
    ("value", "spend"),
    ("provisional", "spend, provisional"),
    ("unusual", "unusual, and counted"),
    ("expected", "expected"),
    ("band", "normal: 80 % of such days"),
    ("limit", "limit, budget"),
    ("fan", "forecast as it stood: median, 80 %"),
    ("triangle", "anomaly told"),
    ("square", "tripped or escalated"),
    ("diamond", "of the budget"),
    ("ring", "resolved, and others"),
    ("quiet", "closed, allow"),
    ("half", "half-open, throttle"),
    ("full", "open, block"),
    ("before", "before the time that is told of"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One alert of the table. `link` leads to the circuit's charts, where it has any."""

    at: str
    subject: str
    link: str | None
    kind: str
    title: str
    excess: str
    delay: str
    severity: str


@dataclass(frozen=True, slots=True)
class Week:
    """One row of the table beside a chart."""

    monday: str
    spent: str
    expected: str
    largest: str
    unusual: int


@dataclass(frozen=True, slots=True)
class Card:
    """One circuit of one side: what its heading says, its charts, its figures."""

    line: str
    is_quiet: bool
    spend: Markup
    budget: Markup | None
    weeks: list[Week]
    runs: list[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Circuit:
    """One circuit, with a card for each configuration that has it."""

    id: str
    name: str
    cards: list[Card | None]

    @property
    def is_quiet(self) -> bool:
        return all(card is None or card.is_quiet for card in self.cards)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, and how many more there are than are shown."""

    rows: list[Row]
    left_out: int


@dataclass(frozen=True, slots=True)
class Side:
    """One configuration's part of the report."""

    name: str
    answer: list[str]
    tiles: list[tuple[str, str, str]]
    weeks: Markup
    kinds: list[tuple[str, str]]
    monitors: list[tuple[str, str]]
    alerts: Table
    sources: list[str]


def render(result: Backtest | Comparison, advice: Advice | None = None) -> str:
    """The whole page as text, to be written as UTF-8."""
    sides = [result.ours, result.theirs] if isinstance(result, Comparison) else [result]
    names = words.names(result) if isinstance(result, Comparison) else [shown(result.config)]
    order = list(dict.fromkeys(circuit.circuit for side in sides for circuit in side.circuits))
    links = {name: f"c{place}" for place, name in enumerate(order[:MOST_CHARTS], 1)}
    most = max(n for side in sides for n in (1, *side.summary.by_week.values()))
    style = Markup(_style())  # noqa: S704 -- ours, without a word from outside
    return _template().render(
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        when=words.when(sides[0]),
        sides=[_side(side, name, links, most) for side, name in zip(sides, names, strict=True)],
        compared=_compared(result) if isinstance(result, Comparison) else None,
        circuits=_circuits(sides, links),
        others=_others(sides, order[MOST_CHARTS:]),
        hindsight=list(dict.fromkeys(said for side in sides if (said := words.hindsight(side)))),
        others_left_out=max(0, len(order) - MOST_CHARTS - MOST_ROWS),
        advice=None if advice is None else _advised(advice),
        key=[(Markup(sample(name)), said) for name, said in KEY],  # noqa: S704 -- drawn by charts
    )


@cache
def _template() -> Template:
    loader = PackageLoader("cloudcircuit.cli")
    kept = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return kept.get_template("report.html.j2")


@cache
def _style() -> str:
    """The one style of the page; the page's policy allows it by its hash and nothing else."""
    source, _, _ = PackageLoader("cloudcircuit.cli").get_source(Environment(autoescape=True), "report.css")
    return f"\n{source}{css()}\n"


def _side(result: Backtest, name: str, links: Mapping[str, str], most: int) -> Side:
    return Side(
        name=name,
        answer=list(words.answer(result)),
        tiles=words.tiles(result),
        weeks=_drawn(draw_counts(charts.weeks_chart(result, most))),
        alerts=Table([_row(alert, links) for alert in result.alerts[:MOST_ROWS]], len(result.alerts[MOST_ROWS:])),
        kinds=_listed((NOUNS[kind][1], n) for kind, n in result.summary.by_kind.items()),
        monitors=_listed((shown(name), n) for name, n in result.summary.by_monitor.items()),
        sources=[words.source_line(source) for source in result.sources],
    )


def _listed(counts: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    return [(name, f"{n:,}") for name, n in sorted(counts, key=lambda each: -each[1])[:_MOST_LISTED]]


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 -- charts escape whatever they are given


def _row(alert: Alert, links: Mapping[str, str]) -> Row:
    is_over = alert.kind in CALMING
    excess = "" if alert.excess is None or alert.currency is None else money(alert.excess, alert.currency)
    return Row(
        at=f"{alert.at:%Y-%m-%d}",
        subject=shown(alert.subject),
        link=links.get(alert.circuit or ""),
        kind=NOUNS[alert.kind][0],
        title=shown(alert.title, _SMALL_TEXT),
        excess=excess if alert.excess else "",
        delay="" if is_over else words.delay(alert.at, alert.since),
        severity="over" if is_over else alert.severity.value,
    )


# --- circuits ---------------------------------------------------------------------------------------------


def _circuits(sides: Sequence[Backtest], links: Mapping[str, str]) -> list[Circuit]:
    known = [{circuit.circuit: circuit for circuit in side.circuits} for side in sides]
    span = min(charts.span_of(side)[0] for side in sides), max(charts.span_of(side)[1] for side in sides)
    since = min(side.start for side in sides)
    return [
        Circuit(links[name], shown(name), _cards([side.get(name) for side in known], span, since)) for name in links
    ]


def _cards(
    histories: Sequence[CircuitHistory | None], span: tuple[datetime, datetime], since: datetime
) -> list[Card | None]:
    """The circuit as each side has it, on the same axes."""
    there = [each for each in histories if each is not None]
    spend = iter(charts.same_amounts([charts.spend_chart(each, span, since) for each in there]))
    budgets = iter(charts.same_budget_amounts([charts.budget_chart(each, span) for each in there if each.budgets]))
    return [
        None if each is None else _card(each, next(spend), next(budgets) if each.budgets else None, span)
        for each in histories
    ]


def _card(
    circuit: CircuitHistory, spend: SpendChart, budget: BudgetChart | None, span: tuple[datetime, datetime]
) -> Card:
    alerts = _loud(circuit)
    return Card(
        line=words.circuit_line(circuit, alerts),
        is_quiet=not alerts,
        spend=_drawn(draw_spend(spend, charts.TALL)),
        budget=None if budget is None else _drawn(draw_budget(budget, charts.TALL)),
        weeks=[_week(week, circuit.currency) for week in _by_week(circuit, span)],
        runs=[_run(run) for run in circuit.runs[:MOST_ROWS]],
    )


def _loud(circuit: CircuitHistory) -> int:
    return sum(alert.kind not in CALMING for alert in circuit.alerts)


def _by_week(circuit: CircuitHistory, span: tuple[datetime, datetime]) -> Iterator[list[Point]]:
    points = [point for point in circuit.points if point.at >= span[0]]
    for _, week in groupby(points, key=lambda point: monday_of(point.at.date())):
        yield list(week)


def _week(points: list[Point], currency: str) -> Week:
    expected = [point.expected for point in points if point.expected is not None]
    return Week(
        monday=str(monday_of(points[0].at.date())),
        spent=money(sum(point.value for point in points), currency),
        expected=money(sum(expected), currency) if len(expected) == len(points) else "–",
        largest=money(max(point.value for point in points), currency),
        unusual=sum(point.failure for point in points),
    )


def _run(run: Run) -> Mapping[str, str]:
    told = "never" if run.days_to_alert is None else f"after {words.days(run.days_to_alert)}"
    return {
        "circuit": shown(run.circuit),
        "since": f"{run.since:%Y-%m-%d}",
        "through": "still open" if run.is_open else f"{run.through:%Y-%m-%d}",
        "excess": money(run.excess, run.currency),
        "told": told if run.told_by is None else f"{told}, by {shown(run.told_by)}",
        "avoidable": money(run.avoidable, run.currency),
    }


def _others(sides: Sequence[Backtest], names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The circuits without charts, a line for each side."""
    known = [{circuit.circuit: circuit for circuit in side.circuits} for side in sides]
    return [(shown(name), [_other(side.get(name)) for side in known]) for name in names[:MOST_ROWS]]


def _other(circuit: CircuitHistory | None) -> str:
    return "not there" if circuit is None else words.circuit_line(circuit, _loud(circuit))


def _advised(advice: Advice) -> Mapping[str, object]:
    rows = [
        [*map(shown, (each.monitor, each.key, each.before, each.value)), each.runs_before, each.runs_after]
        for each in advice.suggestions[:MOST_ROWS]
    ]
    return {"said": list(words.advised(advice)), "rows": rows}


def _compared(result: Comparison) -> Mapping[str, object]:
    return {
        "said": list(words.compared(result)),
        "only_ours": [_run(run) for run in result.only_ours[:MOST_ROWS]],
        "only_theirs": [_run(run) for run in result.only_theirs[:MOST_ROWS]],
        "both": [(_run(pair.ours), _run(pair.theirs)) for pair in result.both[:MOST_ROWS]],
    }

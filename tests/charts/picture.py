"""The picture of README, docs/images/backtest.svg: `python -m tests.charts.picture` draws it from the example bill."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from cloudcircuit.charts import Mark, Shape, Size, SpendChart, draw_key, draw_spend, standalone
from cloudcircuit.charts.svg import tag, text
from cloudcircuit.cli import common
from cloudcircuit.cli.report_charts import spend_chart
from cloudcircuit.compose import assemble
from cloudcircuit.engine.text import money, shown
from cloudcircuit.service.backtest import replay
from cloudcircuit.service.backtest.result import Backtest, CircuitHistory
from cloudcircuit.service.backtest.tape import Tape
from cloudcircuit.stores import memory_store

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "backtest.svg"
CIRCUIT = "services/AWS Glue"
SPAN = datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 11, 9, tzinfo=UTC)
AFTERWARDS = datetime(2018, 12, 2, tzinfo=UTC)

_SIZE = Size(820, 300)
_HEAD = 62.0
_KEY = (
    ("value", "spend a day"),
    ("band", "normal"),
    ("limit", "limit"),
    ("unusual", "unusual day"),
    ("triangle", "anomaly told"),
    ("square", "tripped"),
    ("ring", "resolved"),
)


def drawn() -> str:
    """The picture as it is to be: the chart of AWS Glue in the backtest of the shipped configuration."""
    return picture(replayed())


def replayed() -> Backtest:
    """The example bill through the shipped configuration, whatever state lies beside it."""
    configuration = common.load(ROOT / "config.example.toml")
    house = assemble(configuration, Tape(), stdout=StringIO()).house
    span = replay.Span(None, SPAN[1], AFTERWARDS)
    found = replay.Library(memory_store(), {}).learn(house, replay.wanted([house], span))
    when = replay.moments([found], house.monitors, span)
    return replay.backtest(house, found, (), when, config=configuration.file.name, progress=lambda *_: None)


def picture(result: Backtest) -> str:
    circuit = next(each for each in result.circuits if each.circuit == CIRCUIT)
    made = spend_chart(circuit, SPAN, SPAN[0])
    return standalone(_with_heading(draw_spend(_annotated(made, circuit), _SIZE), circuit))


def _annotated(made: SpendChart, circuit: CircuitHistory) -> SpendChart:
    """The first alert in words."""
    first, *others = made.marks
    point = next(point for point in circuit.points if point.failure)
    usual = "" if point.expected is None else f", usually {money(point.expected, circuit.currency)}"
    note = f"{point.at.day} Oct: {money(point.value, circuit.currency)}{usual}"
    return replace(made, marks=[Mark(first.at, Shape(first.shape), first.label, note), *others])


def _with_heading(svg: str, circuit: CircuitHistory) -> str:
    """The chart moved down, below its name and its key."""
    start = svg.index("</desc>") + len("</desc>")
    height = _SIZE.height + _HEAD
    head = svg[:start].replace(f'viewBox="0 0 {_SIZE.width} {_SIZE.height}"', f'viewBox="0 0 {_SIZE.width} {height:g}"')
    head = head.replace(f'height="{_SIZE.height}"', f'height="{height:g}"')
    chart = tag("g", svg[start:].removesuffix("</svg>"), transform=f"translate(0 {_HEAD:g})")
    heading = text((12, 26), f"{shown(circuit.circuit)}: what would have been told, from a real bill", "heading")
    return f"{head}{heading}{draw_key(_KEY, 12, 38)}{chart}</svg>"


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(), encoding="utf-8")

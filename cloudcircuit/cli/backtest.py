"""`backtest`: what would have fired on the history of the bill, how early, and what acting would have avoided."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from cloudcircuit.cli import common
from cloudcircuit.cli.show import console, print_json
from cloudcircuit.engine.text import count
from cloudcircuit.errors import UsageError

if TYPE_CHECKING:
    from cloudcircuit.config import Config
    from cloudcircuit.model import Act
    from cloudcircuit.ports import Store
    from cloudcircuit.service.backtest.result import Advice, Backtest, Comparison
    from cloudcircuit.service.house import House

_NEWS_EVERY = 30  # days between two lines of progress where nobody can watch a bar

CompareOption = Annotated[
    Path | None, typer.Option("--compare", metavar="PATH", help="A second configuration, side by side on this history.")
]
SuggestOption = Annotated[
    str | None,
    typer.Option(
        "--suggest",
        metavar="BUDGET",
        help='Thresholds for an alert budget: "2/week" in all, or 0.1 per circuit and quarter.',
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a report with charts, one file that needs no other."),
]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command is asked for."""

    paths: tuple[Path | None, ...]
    start: datetime | None
    end: datetime | None
    budget: tuple[float, bool] | None
    quiet: bool


def backtest(
    *,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Report from here; else all that there is.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="… to here; else to the end.")] = None,
    other: CompareOption = None,
    suggest: SuggestOption = None,
    html: HtmlOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Say what would have fired on your own history.

    How often, how early, and what would it have cost? History is replayed through the daemon's own cycle, one a day,
    each knowing only what was known then. It happens in memory: the state is only read, and nothing is sent.
    """
    first, last = _moment(start), _moment(end)
    if first is not None and last is not None and last < first:
        raise UsageError(f"--to {end} lies before --from {start}")
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"there is no folder {html.parent} to write {html.name} into")
    paths = (config,) if other is None else (config, other)
    wanted = _Wanted(paths, first, last, None if suggest is None else _budget(suggest), json)
    try:
        _answer(*_run(wanted), html, json=json)
    except KeyboardInterrupt:
        sys.stderr.write("cloudcircuit: stopped; nothing was written, and the state is as it was\n")
        raise typer.Exit(1) from None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else common.moment(text)


def _budget(text: str) -> tuple[float, bool]:
    """An alert budget, and whether it is meant for all circuits and a week. Raises UsageError."""
    number = text.removesuffix("/week")
    try:
        found = float(number)
    except ValueError:
        found = -1.0
    if not 0 < found <= 1_000_000:
        raise UsageError(f'--suggest {text!r} is no alert budget: write "2/week", or 0.1 per circuit and quarter')
    return found, number != text


def _run(wanted: _Wanted) -> tuple[Backtest | Comparison, Advice | None]:
    from cloudcircuit.service.backtest.compare import compare

    configurations = [common.load(path) for path in wanted.paths]
    with common.borrowed_state(configurations[0]) as state:
        houses = [_house(each, state) for each in configurations]
        acts = state.acts()
        results = _replay(configurations, houses, state, acts, wanted)
    advice = None
    if wanted.budget is not None:
        advice = _advise(results[0], houses[0], acts, wanted.budget)
    return results[0] if len(results) == 1 else compare(*results), advice


def _house(configuration: Config, state: Store) -> House:
    """The house of a configuration, on a state of its own; its sources may spend what the day has left of their cap."""
    from cloudcircuit.compose import assemble
    from cloudcircuit.service.backtest.tape import Tape, calls_before

    tape = Tape(calls_before(state.meter(common.moment(None).date()), list(configuration.sources)))
    return common.on_leash(assemble(configuration, tape, stdout=io.StringIO())).house


def _replay(
    configurations: Sequence[Config], houses: Sequence[House], state: Store, acts: Sequence[Act], wanted: _Wanted
) -> list[Backtest]:
    from cloudcircuit.service.backtest import replay

    span = replay.Span(wanted.start, wanted.end, common.moment(None))
    library = replay.Library(state, {name: spec.digest for name, spec in houses[0].sources.items()})
    whole = replay.wanted(houses, span)
    found = [library.learn(house, whole) for house in houses]
    when = replay.moments(found, [monitor for house in houses for monitor in house.monitors], span)
    names, results = {each.file.name for each in configurations}, []
    for configuration, house, histories in zip(configurations, houses, found, strict=True):
        with _Bar(quiet=wanted.quiet) as bar:
            name = configuration.file.name if len(names) == len(configurations) else str(configuration.file)
            results.append(replay.backtest(house, histories, acts, when, config=name, progress=bar.show))
    return results


def _advise(result: Backtest, house: House, acts: Sequence[Act], budget: tuple[float, bool]) -> Advice:
    from cloudcircuit.service.backtest.advise import advise, allowed_a_week

    number, is_weekly = budget
    allowed = number if is_weekly else allowed_a_week(number, result.summary.circuits)
    return advise(result, house.monitors, acts, allowed)


def _answer(result: Backtest | Comparison, advice: Advice | None, html: Path | None, *, json: bool) -> None:
    from cloudcircuit.cli.findings import show

    if html is not None:
        _write(html, result, advice)
    if json:
        from cloudcircuit.service.backtest.document import as_document

        print_json(as_document(result, advice))
        return
    show(result, advice)
    if html is not None:
        console().print(f"\nreport: {html}", markup=False, soft_wrap=True)


def _write(file: Path, result: Backtest | Comparison, advice: Advice | None) -> None:
    from cloudcircuit.cli.report import render

    try:
        file.write_text(render(result, advice), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


class _Bar:
    """How far a replay is: a bar on a terminal, otherwise a line on stderr now and then."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        if not quiet and sys.stdout.isatty():
            columns = (TextColumn("[dim]{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
            self._bar = Progress(*columns, console=console(), transient=True)
            self._task = self._bar.add_task("")

    def __enter__(self) -> _Bar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, at: datetime, number: int, of: int, alerts: int) -> None:
        said = f"{at:%Y-%m-%d}  {count(alerts, 'alert')}"
        if self._bar:
            self._bar.update(self._task, description=said, total=of, completed=number)
        elif not self._quiet and (number % _NEWS_EVERY == 0 or number == of):
            sys.stderr.write(f"{at:%Y-%m-%d}  {number}/{of}  {count(alerts, 'alert')}\n")

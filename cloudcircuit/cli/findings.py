"""A backtest on the terminal: the answer first, then the alerts, then the circuits, then what to change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudcircuit.cli.show import console, grid, spark, table, text
from cloudcircuit.engine.text import count, money, shown
from cloudcircuit.model import AlertKind, Severity
from cloudcircuit.service.backtest.heard import CALMING
from cloudcircuit.service.backtest.result import (
    HINDSIGHT,
    Advice,
    Backtest,
    CircuitHistory,
    Comparison,
    Pair,
    Run,
    SourceHistory,
    Summary,
)

_ALERTS = 25
_CIRCUITS = 20
_RUNS = 8
_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def show(result: Backtest | Comparison, advice: Advice | None) -> None:
    out = console()
    if isinstance(result, Comparison):
        _show_comparison(out, result)
    else:
        _show_one(out, result)
    if advice is not None:
        out.print()
        _show_advice(out, advice)


def _show_one(out: Console, result: Backtest) -> None:
    out.print(_head(result))
    out.print()
    for line in _answer(result):
        out.print(line, soft_wrap=True)
    if result.summary.by_week:
        out.print(_weeks(result))
    if result.alerts:
        out.print()
        out.print(_alerts(result))
    loud = [circuit for circuit in result.circuits if circuit.alerts or circuit.runs or circuit.blocks]
    if loud:
        out.print()
        out.print(_circuits(loud))
    quiet = len(result.circuits) - min(len(loud), _CIRCUITS)
    if quiet:
        out.print(Text(f"… {count(quiet, 'more circuit')}: --json has them all, --html draws them", style="dim"))


# --- what was looked at -----------------------------------------------------------------------------------


def _head(result: Backtest) -> Table:
    head = grid()
    days = f"{_day(result.start.date())} to {_day(result.end.date())}, {count(result.summary.days, 'day')}"
    warm = f" after {count(result.warm_up, 'day')} of warming up" if result.warm_up else ""
    head.add_row(Text("backtest", style="dim"), Text.assemble(text(result.config, style="bold"), f"  {days}{warm}"))
    for source in result.sources:
        head.add_row(Text("source", style="dim"), text(f"{source.name}: {_known(source)}", limit=300))
    return head


def _known(source: SourceHistory) -> str:
    span = f"{_day(source.first)} to {_day(source.last)}"
    cost = f"; reading it cost ${source.cost.dollars:f}" if source.cost.dollars else ""
    if source.known == HINDSIGHT or source.since is None:
        lag = f"{source.lag_hours:g} hours after its end"
        return f"{span}, in hindsight: figures as they stand now, each day as if told {lag}{cost}"
    return f"{span}, from the ledger: from {_day(source.since.date())} on as it was told day by day"


# --- the answer -------------------------------------------------------------------------------------------


def _answer(result: Backtest) -> Iterator[Text]:
    found = result.summary
    kinds = ", ".join(f"{number} {kind.value.replace('_', ' ')}" for kind, number in found.by_kind.items())
    told = f"{count(found.alerts, 'alert')}, {result.summary.alerts_a_week:.1f} a week" if found.alerts else "no alert"
    yield Text.assemble((f"{count(found.circuits, 'circuit')}, {told}", "bold"), f": {kinds}" if kinds else "")
    if found.runs:
        yield Text(_runs(found))
    if found.blocks:
        spend = ", ".join(f"{_in(result, name, amount)} of {shown(name)}" for name, amount in found.blocked.items())
        yield Text(f"{count(found.blocks, 'block')} if all were enforced, with {spend} spent in them")
    if found.never_quiet:
        names = ", ".join(shown(name) for name in found.never_quiet[:_RUNS])
        more = f" and {len(found.never_quiet) - _RUNS} more" if len(found.never_quiet) > _RUNS else ""
        yield Text(f"never quiet, on half of the days or more: {names}{more}", style="yellow")


def _runs(found: Summary) -> str:
    excess = _sums(found.excess)
    early = ""
    if found.days_to_alert is not None:
        early = f", told {found.days_to_alert:.1f} days after the beginning (median)"
    return (
        f"{count(found.runs, 'run')} of unusual spend{early}: {excess} above the expected, of which acting at once "
        f"would have avoided {_sums(found.avoidable)}"
    )


def _sums(amounts: Mapping[str, float]) -> str:
    return " + ".join(money(amount, currency) for currency, amount in amounts.items()) or "nothing"


def _in(result: Backtest, monitor: str, amount: float) -> str:
    currency = next(circuit.currency for circuit in result.circuits if circuit.monitor == monitor)
    return money(amount, currency)


def _weeks(result: Backtest) -> Text:
    """Alerts by week, the empty ones as well."""
    weeks = result.summary.by_week
    first, last = min(weeks), max(weeks)
    every = [first + timedelta(days=7 * number) for number in range((last - first).days // 7 + 1)]
    bars = spark([float(weeks.get(week, 0)) for week in every])
    return Text.assemble("alerts by week  ", bars, f"  from {_day(first)}, {max(weeks.values())} at most")


def _alerts(result: Backtest) -> Table:
    found = table("day", "kind", "what")
    found.columns[2].no_wrap, found.columns[2].overflow = False, "fold"
    for alert in result.alerts[:_ALERTS]:
        style = "green" if alert.kind in CALMING else _COLOURS[alert.severity]
        kind = Text(alert.kind.value.replace("_", " "), style=style)
        found.add_row(f"{alert.at:%Y-%m-%d}", kind, text(alert.title, limit=200))
    if len(result.alerts) > _ALERTS:
        found.add_row("…", "", f"{len(result.alerts) - _ALERTS} more: --json or --html")
    return found


def _circuits(circuits: Sequence[CircuitHistory]) -> Table:
    found = table("circuit", "alerts", "runs", "told after", "above expected", "avoidable", "blocks")
    for column in found.columns[1:]:
        column.justify = "right"
    for circuit in circuits[:_CIRCUITS]:
        loud = sum(alert.kind not in CALMING for alert in circuit.alerts)
        waits = [run.days_to_alert for run in circuit.runs if run.days_to_alert is not None]
        found.add_row(
            text(circuit.circuit, limit=50),
            f"{loud or ''}",
            f"{len(circuit.runs) or ''}",
            f"{min(waits):.1f} d" if waits else "",
            money(sum(run.excess for run in circuit.runs), circuit.currency) if circuit.runs else "",
            money(sum(run.avoidable for run in circuit.runs), circuit.currency) if circuit.runs else "",
            f"{len(circuit.blocks) or ''}",
        )
    return found


# --- side by side -----------------------------------------------------------------------------------------


def _show_comparison(out: Console, found: Comparison) -> None:
    out.print(_head(found.ours))
    out.print()
    out.print(_side_by_side(found))
    for title, runs in (
        (f"only {found.ours.config}", found.only_ours),
        (f"only {found.theirs.config}", found.only_theirs),
    ):
        if runs:
            out.print()
            out.print(_run_table(title, runs))
    if found.both:
        out.print()
        out.print(_pair_table(found.both))


def _side_by_side(found: Comparison) -> Table:
    sides = [found.ours.summary, found.theirs.summary]
    rows = table("", *(shown(side.config, 40) for side in (found.ours, found.theirs)))
    for column in rows.columns[1:]:
        column.justify = "right"
    rows.add_row("alerts", *(f"{side.alerts}" for side in sides))
    rows.add_row("alerts a week", *(f"{side.alerts_a_week:.1f}" for side in sides))
    for kind in AlertKind:
        if any(kind in side.by_kind for side in sides):
            label = Text(f"  {kind.value.replace('_', ' ')}", style="dim")
            rows.add_row(label, *(f"{side.by_kind.get(kind, 0)}" for side in sides))
    rows.add_row("runs told", *(f"{len(only) + len(found.both)}" for only in (found.only_ours, found.only_theirs)))
    rows.add_row("told after (median days)", *(_median(side) for side in sides))
    rows.add_row("above expected", *(_sums(side.excess) for side in sides))
    rows.add_row("avoidable", *(_sums(side.avoidable) for side in sides))
    rows.add_row("blocks", *(f"{side.blocks}" for side in sides))
    return rows


def _median(side: Summary) -> str:
    return "" if side.days_to_alert is None else f"{side.days_to_alert:.1f}"


def _run_table(title: str, runs: Sequence[Run]) -> Table:
    found = table(shown(title, 60), "since", "periods", "above expected")
    for run in runs[:_RUNS]:
        found.add_row(text(run.circuit, limit=50), *_run_row(run))
    if len(runs) > _RUNS:
        found.add_row(f"… {len(runs) - _RUNS} more", "", "", "")
    return found


def _run_row(run: Run) -> Iterable[str]:
    return f"{run.since:%Y-%m-%d}", f"{run.periods}", money(run.excess, run.currency)


def _pair_table(pairs: Sequence[Pair]) -> Table:
    found = table("both", "since", "periods", "above expected", "the second tells it")
    for pair in pairs[:_RUNS]:
        found.add_row(text(pair.ours.circuit, limit=50), *_run_row(pair.ours), _earlier(pair.days_earlier))
    if len(pairs) > _RUNS:
        found.add_row(f"… {len(pairs) - _RUNS} more", "", "", "", "")
    return found


def _earlier(days: float | None) -> str:
    if not days:
        return "on the same day"
    return f"{abs(days):.1f} days {'earlier' if days > 0 else 'later'}"


# --- what to change ---------------------------------------------------------------------------------------


def _show_advice(out: Console, advice: Advice) -> None:
    head = (
        f"at most {advice.allowed_a_week:.2g} runs a week are to be told: {advice.before_a_week:.2g} are as it is set, "
        f"{advice.after_a_week:.2g} would be"
    )
    out.print(Text(head, style="bold"), soft_wrap=True)
    for line in _learned(advice):
        out.print(line, soft_wrap=True)
    if not advice.suggestions:
        out.print("there is nothing to change")
        return
    out.print()
    for setting in _settings(advice):
        out.print(setting, markup=False, soft_wrap=True)
    if advice.quietened:
        out.print()
        out.print(_run_table("no longer told", advice.quietened))


def _settings(advice: Advice) -> Iterator[str]:
    """The settings as they can be pasted, each with what it replaces."""
    monitor = None
    for one in advice.suggestions:
        if one.monitor != monitor:
            monitor = one.monitor
            yield f"# in [monitors.{monitor}]: {one.runs_before} runs told as it is, {one.runs_after} with this"
        yield f"{one.key} = {one.value}  # instead of {one.before}"


def _learned(advice: Advice) -> Iterator[Text]:
    noise, real = advice.noise_acknowledged, advice.real_acknowledged
    if noise or real:
        quiet, told = noise - len(advice.noise_told), real - len(advice.real_missed)
        yield Text(f"acknowledged as noise: {quiet} of {noise} stay quiet; otherwise: {told} of {real} are still told")
    if advice.after_a_week > advice.allowed_a_week:
        why = "no threshold that was tried keeps this budget"
        first = " and what was acknowledged: that went first" if noise or real else ""
        yield Text(why + first, style="yellow")


def _day(when: date) -> str:
    return f"{when:%Y-%m-%d}"

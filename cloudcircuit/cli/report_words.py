"""The sentences of a backtest's report: the answer first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from statistics import median

from cloudcircuit.engine.text import count, day, money, shown, span
from cloudcircuit.engine.wording import NOUNS
from cloudcircuit.service.backtest.result import (
    Advice,
    Backtest,
    CircuitHistory,
    Comparison,
    SourceHistory,
    Summary,
)

_NAMED = 5


def when(result: Backtest) -> str:
    """`18 January to 4 March 2027, 46 days`"""
    start, last = result.start.date(), result.end.date()
    if start.year == last.year:
        said = f"{span(start, last + timedelta(days=1), start)} {start.year}"
    else:
        said = f"{day(start, last)} to {day(last, start)}"
    return f"{said}, {count(result.summary.days, 'day')}"


def answer(result: Backtest) -> Iterator[str]:
    """What would have fired, how often, how early, and what it would have cost or avoided."""
    summary = result.summary
    yield _fired(summary)
    if summary.runs:
        yield _early(summary)
        yield (
            f"These runs cost {amounts(summary.excess)} more than expected; whoever had acted at once on the first "
            f"alert of each would have avoided {amounts(summary.avoidable)} of it."
        )
    yield _blocked(result)
    if summary.never_quiet:
        yield f"{_never_quiet(summary)} never quiet: something stood there on half of the days or more."


def _fired(summary: Summary) -> str:
    seen = f"{count(summary.circuits, 'circuit')} and {count(summary.days, 'day')}"
    if not summary.circuits:
        return "There was no circuit to judge in this time."
    if not summary.alerts:
        return f"Nothing would have fired: {seen} without an alert."
    kinds = ", ".join(f"{n:,} {NOUNS[kind][n != 1]}" for kind, n in summary.by_kind.items())
    return f"{count(summary.alerts, 'alert')} would have fired over {seen}, {a_week(summary)}: {kinds}."


def a_week(summary: Summary) -> str:
    rate = summary.alerts_a_week
    return f"{rate:,.0f} a week" if rate >= 10 else f"{rate:.1f} a week"


def _early(summary: Summary) -> str:
    told = f"There were {count(summary.runs, 'run')} of unusual days"
    if summary.runs == 1:
        told = "There was one run of unusual days"
    if summary.days_to_alert is None:
        return f"{told}, and nobody would have been told."
    return f"{told}; half of those that were told were told within {days(summary.days_to_alert)} of their beginning."


def _blocked(result: Backtest) -> str:
    blocks = result.summary.blocks
    if not blocks:
        return "Nothing would have been blocked."
    return (
        f"{_times(blocks).capitalize()} a circuit would have been blocked, if that were enforced; "
        f"spent in that time: {in_blocks(result)}."
    )


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def in_blocks(result: Backtest) -> str:
    """What was spent in blocks, by monitor: two monitors may look at the same money, so nothing is added up."""
    currencies = {circuit.monitor: circuit.currency for circuit in result.circuits}
    spent = result.summary.blocked.items()
    said = [f"{money(amount, currencies.get(name, ''))} ({shown(name)})" for name, amount in spent]
    more = f" and {len(said) - _NAMED:,} more" if len(said) > _NAMED else ""
    return ", ".join(said[:_NAMED]) + more if said else "nothing"


def _never_quiet(summary: Summary) -> str:
    names = [shown(name) for name in summary.never_quiet[:_NAMED]]
    more = len(summary.never_quiet) - len(names)
    were = "was" if len(summary.never_quiet) == 1 else "were"
    return f"{', '.join(names)}{f' and {more:,} more' if more else ''} {were}"


def amounts(by_currency: Mapping[str, float]) -> str:
    """Sums of different currencies stand beside each other; they are not added."""
    return " and ".join(money(amount, currency) for currency, amount in by_currency.items()) or "nothing"


def days(length: float) -> str:
    """`1 day`, `2.5 days`"""
    rounded = f"{length:.1f}".removesuffix(".0")
    return f"{rounded} day{'' if rounded == '1' else 's'}"


def tiles(result: Backtest) -> list[tuple[str, str, str]]:
    """The four numbers at the top: what, how much, and beside what."""
    summary = result.summary
    early = "–" if summary.days_to_alert is None else days(summary.days_to_alert)
    return [
        ("Alerts", f"{summary.alerts:,}", a_week(summary)),
        ("First alert after", early, f"median, {count(summary.runs, 'unusual run')}"),
        ("Avoidable", amounts(summary.avoidable), f"of {amounts(summary.excess)} above the expected"),
        ("Would be blocked", f"{summary.blocks:,} ×", f"spent in that time: {in_blocks(result)}"),
    ]


def hindsight(result: Backtest) -> str | None:
    """What this backtest knew that nobody could know then."""
    names = [shown(source.name) for source in result.sources if source.since is None or source.since > result.start]
    if not names or not result.hindsight:
        return None
    return (
        f"Hindsight: for {', '.join(names)} only the final figures are known, not when each was said. Each day was "
        "shown as it stands now, once its source's lag was over: what was restated later, or came in late, is not "
        "seen here, and real alerts may come later."
    )


def source_line(source: SourceHistory) -> str:
    simulated = f"figures as they stand now, shown {source.lag_hours:g} hours after each day"
    known = simulated if source.since is None else f"figures as said then, from {source.since:%Y-%m-%d} on"
    notes = "".join(f"; {shown(note, 300)}" for note in source.notes)
    return f"{shown(source.name)}: {source.first} to {source.last}, {known}{notes}"


def circuit_line(circuit: CircuitHistory, alerts: int) -> str:
    """What a circuit's heading says below its name."""
    parts = [count(alerts, "alert") if alerts else "no alert"]
    if circuit.runs:
        excess = {circuit.currency: sum(run.excess for run in circuit.runs)}
        avoidable = {circuit.currency: sum(run.avoidable for run in circuit.runs)}
        parts.append(
            f"{count(len(circuit.runs), 'unusual run')}: {amounts(excess)} above the expected, "
            f"{amounts(avoidable)} avoidable"
        )
    if circuit.blocks:
        parts.append(f"would be blocked {_times(len(circuit.blocks))}")
    if circuit.is_never_quiet:
        parts.append("never quiet")
    return " · ".join(parts)


def delay(at: datetime, since: datetime | None) -> str:
    """How long after its beginning something was told: `2 days`; nothing where it began only then."""
    return "" if since is None or since >= at else days((at - since) / timedelta(days=1))


def compared(result: Comparison) -> Iterator[str]:
    """What one configuration tells that the other does not, and how much earlier."""
    ours, theirs = names(result)
    both = count(len(result.both), "unusual run")
    alone = f"{ours} alone of {len(result.only_ours):,}, {theirs} alone of {len(result.only_theirs):,}"
    yield f"Both tell of {both}; {alone}."
    earlier = [pair.days_earlier for pair in result.both if pair.days_earlier is not None]
    if earlier and median(earlier):
        first, length = (theirs, median(earlier)) if median(earlier) > 0 else (ours, -median(earlier))
        yield f"Of what both tell, {first} is the earlier by {days(length)} (median)."


def names(result: Comparison) -> tuple[str, str]:
    """The two configurations; files of the same name are told apart by their order."""
    ours, theirs = shown(result.ours.config), shown(result.theirs.config)
    return (ours, theirs) if ours != theirs else (f"{ours} (1)", f"{theirs} (2)")


def advised(advice: Advice) -> Iterator[str]:
    """What the suggested settings would have changed."""
    yield (
        f"For {advice.allowed_a_week:.3g} alerts a week: {advice.before_a_week:.1f} a week with the settings as they "
        f"are, {advice.after_a_week:.1f} with those suggested. {count(len(advice.quietened), 'run')} would not be told."
    )
    if advice.noise_acknowledged or advice.real_acknowledged:
        yield (
            f"Of {count(advice.noise_acknowledged, 'run')} acknowledged as noise, {len(advice.noise_told):,} would "
            f"still be told; of {count(advice.real_acknowledged, 'run')} acknowledged as real, "
            f"{len(advice.real_missed):,} would be missed."
        )

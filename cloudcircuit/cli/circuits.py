"""Circuits as rows: what is served, what it would be, the money, the last days, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cloudcircuit.cli.show import COLOURS, plain, spark, table, text
from cloudcircuit.engine.text import money, share
from cloudcircuit.model import Action, BreakerState, Decision, Phase, Reason
from cloudcircuit.service.serve import decisions

if TYPE_CHECKING:
    from cloudcircuit.service.house import House
    from cloudcircuit.service.trend import Trend

EXIT = {Action.ALLOW: 0, Action.THROTTLE: 10, Action.BLOCK: 20}
STALE_OR_UNKNOWN = 30

_QUIET = frozenset({Reason.HEALTHY, Reason.EFFECTIVE_FROM_BILLED, Reason.SHORT_HISTORY})
_NARROW = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One circuit: its decision, its state (None when the row was damaged), and its last days where they are known."""

    decision: Decision
    state: BreakerState | None
    trend: Trend | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is anything to look after."""
        d = self.decision
        acts = d.action is not Action.ALLOW or d.would is not Action.ALLOW
        return acts or d.stale or d.phase is not Phase.CLOSED or bool(set(d.reasons) - _QUIET)

    @property
    def cost(self) -> float:
        """What it has cost lately, to put large ones first."""
        if self.decision.spend is not None:
            return float(self.decision.spend)
        return sum(value or 0.0 for value in self.trend.values) if self.trend else 0.0


def gather(house: House, now: datetime) -> list[Row]:
    """Every circuit that the state knows, the ones to look at first, then the largest."""
    from cloudcircuit.service.trend import trends

    states = house.store.states()
    lines: dict[str, Trend] = {}
    for monitor in house.monitors:
        lines |= trends(house, monitor, now)
    rows = [Row(d, states.get(d.circuit), lines.get(d.circuit)) for d in decisions(house, now)]
    return sorted(rows, key=_first)


def _first(row: Row) -> tuple[object, ...]:
    d = row.decision
    return (-d.action.rank, -d.would.rank, -d.severity.rank, not row.is_open, -row.cost, d.circuit)


def exit_code(answers: Iterable[Decision]) -> int:
    """The code of the strictest decision: a block is one, however old the data; otherwise stale outweighs."""
    found = {STALE_OR_UNKNOWN if d.stale and d.action is not Action.BLOCK else EXIT[d.action] for d in answers}
    return next((code for code in (20, STALE_OR_UNKNOWN, 10) if code in found), 0)


# --- as a table -------------------------------------------------------------------------------------------


def circuit_table(rows: Sequence[Row], width: int) -> Table:
    """One line for each circuit, as much of it as the terminal has room for."""
    wide = width >= _NARROW
    found = table("circuit", "now", "spent", "of budget", "last 30 days" if wide else "last 14 days", "why")
    found.columns[0].overflow = "ellipsis"
    found.columns[2].justify = "right"
    found.columns[5].no_wrap = False
    found.columns[5].overflow = "fold"
    for row in rows:
        found.add_row(
            text(row.decision.circuit, limit=34 if wide else 24),
            served(row.decision),
            _spent(row.decision),
            _of_budget(row.decision),
            _line(row, 30 if wide else 14),
            why(row.decision),
        )
    return found


def served(decision: Decision) -> Text:
    """`allow`, or `allow (would block)` where observing or an override hides it."""
    found = Text(decision.action.value, style=COLOURS[decision.action])
    if decision.would is not decision.action:
        found.append(" (would ", style="dim")
        found.append(decision.would.value, style=COLOURS[decision.would])
        found.append(")", style="dim")
    return found


def _spent(decision: Decision) -> Text:
    return Text("" if decision.spend is None else money(decision.spend, decision.currency))


def _of_budget(decision: Decision) -> Text:
    if decision.spend is None or not decision.budget:
        return Text("–", style="dim")
    ratio = float(decision.spend / decision.budget)
    colour = "bold red" if ratio >= 1 else "yellow" if ratio >= 0.9 else "green"
    return Text.assemble((f"{share(ratio):>5}", colour), (f" of {money(decision.budget, decision.currency)}", "dim"))


def _line(row: Row, days: int) -> Text:
    if row.trend is None:
        return Text()
    marked = {past.at for past in row.state.anomalies} if row.state else set()
    places = [place for place, day in enumerate(row.trend.days[-days:]) if day in marked]
    return spark(row.trend.values[-days:], places)


def why(decision: Decision) -> Text:
    """The reasons in their own short words, what worries first in colour."""
    words = ", ".join(reason.value.replace("_", " ") for reason in decision.reasons)
    worries = bool(set(decision.reasons) - _QUIET)
    return Text(words, style=COLOURS[decision.would] if worries else "dim")


# --- as JSON ----------------------------------------------------------------------------------------------


def circuit_json(row: Row) -> Mapping[str, Any]:
    """A decision with all its fields, and the last days."""
    trend = None
    if row.trend is not None:
        trend = {"until": row.trend.days[-1].date() if row.trend.days else None, "values": row.trend.values}
    return {**plain(row.decision), "trend": plain(trend)}

"""Circuits as rows: what is served, what it would be, the money, the last days, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cloudcircuit.cli.show import COLOURS, plain, spark, table
from cloudcircuit.engine.text import money, share, shown
from cloudcircuit.model import Action, BreakerState, Decision, Phase, Reason
from cloudcircuit.service.serve import HOLDING, decisions

if TYPE_CHECKING:
    from cloudcircuit.service.house import House
    from cloudcircuit.service.trend import Trend

EXIT = {Action.ALLOW: 0, Action.THROTTLE: 10, Action.BLOCK: 20}
STALE_OR_UNKNOWN = 30

_QUIET = frozenset({Reason.HEALTHY, Reason.EFFECTIVE_FROM_BILLED, Reason.SHORT_HISTORY})
_NARROW = 100
_ROOMY = 70
_LEAST_WHY = 16
_GAP = 2


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
        """What it has cost in the last days, to put large ones first."""
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


def is_unsure(answer: Decision) -> bool:
    """Old data, or a circuit that is held: the answer rests on what was known before, or on nothing."""
    return answer.stale or bool(HOLDING & set(answer.reasons))


def exit_code(answers: Iterable[Decision]) -> int:
    """The code of the strictest decision: a block is one, however old the data; otherwise stale outweighs.

    No decision at all is nothing known, never an allow.
    """
    found = {STALE_OR_UNKNOWN if is_unsure(d) and d.action is not Action.BLOCK else EXIT[d.action] for d in answers}
    return next((code for code in (20, STALE_OR_UNKNOWN, 10, 0) if code in found), STALE_OR_UNKNOWN)


# --- as a table -------------------------------------------------------------------------------------------


def circuit_table(rows: Sequence[Row], width: int) -> Table:
    """One line for each circuit, as much of it as the terminal has room for. Figures are never cut."""
    narrow = width < _NARROW
    cells = [(served(row.decision), _spent(row), _of_budget(row, narrow=narrow)) for row in rows]
    names = [Text(shown(row.decision.circuit, 200)) for row in rows]
    figures = [max((len(cell[i]) for cell in cells), default=0) for i in range(3)]
    left = width - sum(figures) - 5 * _GAP
    days = 0 if narrow else 30 if left >= _ROOMY else 14
    room = min(max(map(len, names), default=0), left - days - _LEAST_WHY)
    found = table("circuit", "now", "spent", "", f"last {days} days" if days else "", "why")
    found.columns[0].width, found.columns[0].overflow = max(room, 12), "ellipsis"
    found.columns[2].justify = "right"
    for column, least in zip(found.columns[1:4], figures, strict=True):
        column.min_width = least
    found.columns[5].no_wrap, found.columns[5].overflow = False, "fold"
    for row, name, cell in zip(rows, names, cells, strict=True):
        found.add_row(name, *cell, _line(row, days), why(row.decision))
    return found


def served(decision: Decision) -> Text:
    """What is served; `would block` where observing, or an override, makes it an allow."""
    would = Text(f"would {decision.would.value}", style=COLOURS[decision.would])
    if decision.would is decision.action or decision.action is Action.ALLOW:
        return Text(decision.action.value, COLOURS[decision.action]) if decision.would is decision.action else would
    return Text.assemble((decision.action.value, COLOURS[decision.action]), " (", would, ")")


def _spent(row: Row) -> Text:
    d = row.decision
    return Text(money(row.cost if d.spend is None else d.spend, d.currency), style="dim" if d.spend is None else "")


def _of_budget(row: Row, *, narrow: bool) -> Text:
    d = row.decision
    if d.spend is None or not d.budget:
        return Text("" if narrow else "in these days", style="dim")
    ratio = float(d.spend / d.budget)
    colour = "bold red" if ratio >= 1 else "yellow" if ratio >= 0.9 else "green"
    limit = "" if narrow else f"of {money(d.budget, d.currency)} "
    return Text.assemble((limit, "dim"), (share(ratio), colour))


def _line(row: Row, days: int) -> Text:
    if row.trend is None or not days:
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

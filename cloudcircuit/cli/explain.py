"""`explain`: how one circuit came to its decision, from the numbers that it was judged on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cloudcircuit.cli import common
from cloudcircuit.cli.circuits import Row, served
from cloudcircuit.cli.show import console, gauge, grid, plain, print_json, spark, text
from cloudcircuit.cli.status import source_line
from cloudcircuit.engine.assess import Case, Series, baseline_periods, stays_out
from cloudcircuit.engine.decide import SENTENCES, covers
from cloudcircuit.engine.text import count, day, money, moment, share, span
from cloudcircuit.errors import UsageError
from cloudcircuit.model import (
    Act,
    Action,
    AnomalyPolicy,
    BreakerState,
    BudgetView,
    Decision,
    Grain,
    Mode,
    Monitor,
    Phase,
    SourceState,
)
from cloudcircuit.service.serve import decisions

if TYPE_CHECKING:
    from cloudcircuit.compose import Opened

Line = tuple[str, Text | str]


def explain(
    circuit: Annotated[str, typer.Argument(help="The circuit's name.")],
    at: common.AtOption = None,
    json: common.JsonOption = False,
    config: common.ConfigOption = None,
) -> None:
    """Why a circuit is what it is: numbers, limits, rules, and what would change it."""
    now = common.moment(at)
    with common.opened(common.load(config)) as opened:
        found = {decision.circuit: decision for decision in decisions(opened.house, now)}
        names = common.select(found, circuit)
        if len(names) > 1:
            raise UsageError(f"{circuit!r} fits {len(names)} circuits; name one, such as {names[0]!r}")
        story = _story(opened, found[names[0]], now)
        if json:
            print_json(_as_json(story))
        else:
            _print(story)


class _Story:
    """All there is to know of one circuit at one time. `monitor` is None when it is gone from the configuration."""

    def __init__(self, opened: Opened, decision: Decision, now: datetime) -> None:
        from cloudcircuit.service.trend import evidence_at

        house = opened.house
        self.now, self.decision = now, decision
        self.monitor = house.monitor(decision.monitor)
        self.state = house.store.states(decision.monitor).get(decision.circuit)
        names = self.monitor.sources if self.monitor else ()
        self.sources = [house.store.sources().get(name, SourceState(name)) for name in names]
        self.acts = [act for act in house.store.acts(now) if covers(act, decision.circuit)]
        evidence = evidence_at(house, self.monitor, now, decision.circuit) if self.monitor else None
        known = evidence is not None and decision.circuit in evidence.place
        self.series: Series | None = evidence.series(decision.circuit) if evidence and known else None

    @property
    def day(self) -> Any:
        return self.now.date()

    def money(self, amount: Any) -> str:
        return money(amount, self.decision.currency)

    def period(self, at: datetime) -> str:
        hourly = self.series is not None and self.series.grain is Grain.HOUR
        return moment(at, self.day) if hourly else day(at.date(), self.day)

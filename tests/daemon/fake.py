"""An adapter for real processes: what it answers stands in a JSON file that a test rewrites while it runs.

`install` puts it on a path as a distribution of its own, found through its entry point as any third party's is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, PlanStep, Probe, SpendQuery, column_of
from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter, Deadline, SpendReport

_AMOUNT = pa.decimal128(38, 18)


class Options(BaseModel):
    script: Path


@dataclass(frozen=True)
class Scripted:
    """Answers as its script says.

    `days` maps dates to amounts by service; `hang`, `fail` and `broken` are faults. `price` is what each call costs in
    dollars and `daily_cap` what all of a day may cost, and with `dies_paying` no answer comes to one that was paid;
    `plan` are steps: what, calls, dollars, bytes, once. `secret` is a reference that is needed for a call.
    """

    script: Path
    context: AdapterContext

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        with self.script.with_suffix(".log").open("a") as log:
            log.write(f"{self.context.clock.monotonic()} {self.context.clock.now().isoformat()}\n")
        said, now = self._asked(), query.visible_until or self.context.clock.now()
        days = {date.fromisoformat(day): cells for day, cells in said["days"].items()}
        seen = [day for day in sorted(days) if query.start <= _midnight(day) < min(query.end, now)]
        rows = [(day, *cell) for day in seen for cell in days[day].items()]
        watermark = min(_midnight(seen[-1] + timedelta(days=1)), now) if seen else None
        return SpendReport(_table(rows, query), watermark, accounts=frozenset({"111122223333"}))

    def probe(self, deadline: Deadline) -> Probe:
        days = sorted(self._asked()["days"])
        oldest, newest = (_midnight(date.fromisoformat(day)) for day in (days[0], days[-1]))
        return Probe(("111122223333",), ("USD",), oldest, newest, notes=("a scripted bill",))

    def plan(self, queries: Sequence[SpendQuery], sizes: Mapping[str, int], deadline: Deadline) -> list[PlanStep]:
        steps = self._said().get("plan", [])
        return [
            PlanStep(what.format(**sizes), CallCost(calls, Decimal(dollars), size), once)
            for what, calls, dollars, size, once in steps
        ]

    def close(self) -> None:
        pass

    def _asked(self) -> dict[str, Any]:
        """Pay for a call, and make it."""
        said = self._said()
        if "price" in said:
            self.context.meter.take(CallCost(1, Decimal(said["price"]), 1000), Decimal(said["daily_cap"]))
            with self.script.with_suffix(".paid").open("a") as paid:
                paid.write("1\n")
        if "secret" in said:
            self.context.secret(said["secret"]).reveal()
        if said.get("dies_paying"):
            Event().wait()
        return said

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.script.read_text())
        if said.get("hang"):
            Event().wait()
        if said.get("broken"):
            raise ZeroDivisionError(said["broken"])
        if "fail" in said:
            raise AdapterError(
                said["fail"], permanent=said.get("permanent", False), retry_after=said.get("retry_after")
            )
        return said


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _table(rows: list[tuple[date, str, str]], query: SpendQuery) -> pa.Table:
    names = {"service": [service for _, service, _ in rows]}
    amounts = pa.array([Decimal(amount) for _, _, amount in rows], _AMOUNT)
    return pa.table(
        {
            "ChargePeriodStart": pa.array([_midnight(day) for day, _, _ in rows], pa.timestamp("us", "UTC")),
            "BillingCurrency": pa.array(["USD"] * len(rows), pa.string()),
            "ChargeCategory": pa.array(["Usage"] * len(rows), pa.string()),
            **{column_of(d): pa.array(names.get(d, [None] * len(rows)), pa.string()) for d in query.dimensions},
            "BilledCost": amounts,
            "EffectiveCost": amounts,
        }
    )


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    return Scripted(options.script, context)


plugin = AdapterPlugin("scripted", Options, _open)


def install(site: Path) -> None:
    """Lay the adapter down in a folder as an installed distribution; put that folder on PYTHONPATH."""
    info = site / "cloudcircuit_scripted-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copyfile(__file__, site / "cloudcircuit_scripted.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cloudcircuit-scripted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cloudcircuit.adapters]\nscripted = cloudcircuit_scripted:plugin\n")


@dataclass
class Script:
    """The script of one source, from the test's side."""

    path: Path
    says: dict[str, Any] = field(default_factory=dict)

    def say(self, **says: Any) -> None:
        """Replace what the source answers from now on."""
        self.says = {"days": self.says.get("days", {}), **says}
        scratch = self.path.with_suffix(".new")
        scratch.write_text(json.dumps(self.says))
        scratch.replace(self.path)

    @property
    def fetches(self) -> int:
        return self._lines(".log")

    @property
    def paid(self) -> int:
        return self._lines(".paid")

    def _lines(self, suffix: str) -> int:
        log = self.path.with_suffix(suffix)
        return len(log.read_text().splitlines()) if log.exists() else 0


def flat_days(last: date, count: int, services: dict[str, str]) -> dict[str, dict[str, str]]:
    """The same spend on each of some days up to and including the last."""
    return {(last - timedelta(days=n)).isoformat(): dict(services) for n in range(count)}

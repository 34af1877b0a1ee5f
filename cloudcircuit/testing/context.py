"""What an adapter gets when it is opened, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cloudcircuit.clock import FixedClock
from cloudcircuit.errors import AdapterError, ConfigError, Problem
from cloudcircuit.model import CallCost, Secret, check_secret_reference
from cloudcircuit.ports import AdapterContext


@dataclass(slots=True)
class MemoryMeter:
    """A meter of one day that is kept nowhere; `calls` is what was taken, one entry for each."""

    calls: list[CallCost] = field(default_factory=list)

    @property
    def spent(self) -> CallCost:
        return sum(self.calls, CallCost())

    def take(self, cost: CallCost, cap: Decimal | None = None) -> None:
        if cap is not None and cost.dollars and self.spent.dollars + cost.dollars > cap:
            raise AdapterError(f"its calls may cost {cap} dollars a day (`daily_cap`), and that is used up")
        self.calls.append(cost)


def adapter_context(
    now: datetime,
    *,
    source: str = "bill",
    lag: timedelta = timedelta(hours=24),
    root: Path = Path(),
    meter: MemoryMeter | None = None,
    secrets: Mapping[str, str] | None = None,
) -> AdapterContext:
    """The context of a source, at a moment that stands still. `secrets` are values by their reference."""

    def secret(reference: str) -> Secret:
        check_secret_reference(reference)
        return Secret(reference, lambda: _reveal(reference, secrets or {}))

    return AdapterContext(source, FixedClock(now), lag, root, meter or MemoryMeter(), secret)


def _reveal(reference: str, secrets: Mapping[str, str]) -> str:
    if reference not in secrets:
        raise ConfigError((Problem("", f"the secret {reference} is not set"),))
    return secrets[reference]

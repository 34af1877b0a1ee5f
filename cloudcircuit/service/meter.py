"""Counting what a source's calls cost before they are made, and how such a cost is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import ceil

from cloudcircuit.engine.text import count, money
from cloudcircuit.errors import AdapterError, StoreError
from cloudcircuit.model import CallCost
from cloudcircuit.ports import Clock, Store

_LEAST_SHOWN = Decimal("0.0001")
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class StoreMeter:
    """The meter of one source, kept in the state. `clock` is the real one, in replays too: the dollars are real."""

    store: Store
    source: str
    clock: Clock

    def take(self, cost: CallCost, cap: Decimal | None = None) -> None:
        """Count a call before it is made. Raises AdapterError when it is beyond the cap, or could not be counted."""
        now = self.clock.now().astimezone(UTC)
        try:
            if not self.store.take(self.source, now.date(), cost, cap):
                spent = self.store.meter(now.date()).get(self.source, {}).get(now.date(), CallCost())
                raise _beyond(cap or Decimal(0), spent.dollars, cost.dollars, now)
        except StoreError as error:
            raise _uncounted(error) from error


@dataclass(frozen=True, slots=True)
class NoMeter:
    """Stands for a meter whose state cannot be opened: it lets no call be made."""

    error: StoreError

    def take(self, cost: CallCost, cap: Decimal | None = None) -> None:  # noqa: ARG002 - called by these names
        """Raises AdapterError."""
        raise _uncounted(self.error) from self.error


def _uncounted(error: StoreError) -> AdapterError:
    return AdapterError(f"its call could not be counted, and so it was not made: {error}")


def _beyond(cap: Decimal, spent: Decimal, next_one: Decimal, now: datetime) -> AdapterError:
    limit = f"its calls may cost {dollars(cap)} a day"
    if next_one > cap:
        return AdapterError(
            f"{limit}, and the next one alone costs {dollars(next_one)}: raise `daily_cap`", permanent=True
        )
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=UTC)
    text = (
        f"{limit} and {dollars(spent)} are spent (the next call costs {dollars(next_one)}); it is asked again at "
        "00:00 UTC; raise `daily_cap`, or poll less often (`every`)"
    )
    return AdapterError(text, retry_after=ceil((midnight - now).total_seconds()))


# --- what calls have cost -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What the calls of a source cost on this day and in this month, in UTC."""

    today: CallCost
    month: CallCost


def own_costs(store: Store, now: datetime) -> dict[str, OwnCost]:
    """What the calls of each source have cost, of those whose calls are counted. `now` is real. Raises StoreError."""
    today = now.astimezone(UTC).date()
    found = store.meter(today.replace(day=1))
    return {source: _own_cost(days, today) for source, days in found.items()}


def _own_cost(days: Mapping[date, CallCost], today: date) -> OwnCost:
    return OwnCost(days.get(today, CallCost()), sum(days.values(), CallCost()))


# --- in words -----------------------------------------------------------------------------------------------


def dollars(amount: Decimal) -> str:
    """`$1.20`; with more digits where a cent is too coarse: `$0.0375`, `under $0.0001`."""
    if 0 < amount < _LEAST_SHOWN:
        return f"under ${_LEAST_SHOWN}"
    return f"${amount:.4f}" if amount < 1 and amount % Decimal("0.01") else money(amount, "USD")


def size(amount: int) -> str:
    """`512 bytes`, `1.2 MB`"""
    scaled, unit = float(amount), 0
    while scaled >= 999.5 and unit < len(_UNITS) - 1:
        scaled, unit = scaled / 1000, unit + 1
    return f"{scaled:,.{0 if not unit or scaled >= 9.95 else 1}f} {_UNITS[unit]}"


def in_words(cost: CallCost) -> str:
    """`12 calls, $0.12, 1.2 MB`, of what there is; `nothing`"""
    parts = (
        cost.requests and count(cost.requests, "call"),
        cost.dollars and dollars(cost.dollars),
        cost.bytes and size(cost.bytes),
    )
    return ", ".join(str(part) for part in parts if part) or "nothing"

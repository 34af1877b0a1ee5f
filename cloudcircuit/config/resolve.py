"""From tables that are right each for itself to the model's values: defaults laid under, names resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from cloudcircuit.config.fields import A_WEEK
from cloudcircuit.config.owners import read_book
from cloudcircuit.config.reading import Reading
from cloudcircuit.config.schema import (
    AnomalyTable,
    ConsoleTable,
    DaemonTable,
    DefaultsTable,
    FxTable,
    MonitorTable,
    WhereTable,
)
from cloudcircuit.config.secrets import secret
from cloudcircuit.config.text import Key, path_of
from cloudcircuit.config.values import DaemonConfig, NotifierConfig
from cloudcircuit.model import (
    SEASONAL,
    SEASONAL_LOOKBACK,
    SIMPLE_LOOKBACK,
    AnomalyPolicy,
    BreakerPolicy,
    Budget,
    BudgetBook,
    BurnRatePolicy,
    Fx,
    Match,
    Monitor,
    Secret,
    Where,
)

_Table = TypeVar("_Table", bound=BaseModel)


def overlay(base: BaseModel, over: _Table) -> _Table:
    """`over`, with what only `base` says; tables within are laid over each other in the same way."""
    update = {}
    for name in base.model_fields_set:
        below, above = getattr(base, name), getattr(over, name)
        if name not in over.model_fields_set:
            update[name] = below
        elif isinstance(above, BaseModel) and type(above) is type(below):
            update[name] = overlay(below, above)
    return over.model_copy(update=update)


def listeners(notifiers: Mapping[str, ConsoleTable | None]) -> tuple[str, ...]:
    """Who is told where nobody says who: every notifier that is nobody's fallback."""
    fallbacks = {table.fallback for table in notifiers.values() if table}
    return tuple(name for name in notifiers if name not in fallbacks)


def daemon(table: DaemonTable, everyone: tuple[str, ...], reading: Reading) -> DaemonConfig:
    return DaemonConfig(
        state=reading.root / table.state,
        keep=table.keep,
        max_blocks_per_hour=table.max_blocks_per_hour,
        link=table.link,
        log=table.log,
        channels=everyone if table.channels is None else tuple(table.channels),
    )


def notifier(name: str, table: ConsoleTable, reading: Reading) -> NotifierConfig:
    return NotifierConfig(
        name=name,
        type=table.type,
        url=_secret(getattr(table, "url", None), ("notifiers", name, "url"), reading),
        secret=_secret(getattr(table, "secret", None), ("notifiers", name, "secret"), reading),
        min_severity=table.min_severity,
        fallback=table.fallback,
        allow_http=getattr(table, "allow_http", False),
    )


def _secret(reference: str | None, key: Key, reading: Reading) -> Secret | None:
    return None if reference is None else secret(reference, reading.root, path_of(key))


def fx(table: FxTable) -> Fx:
    return Fx(table.currency, table.into, table.rate, table.since)


def monitor(
    name: str,
    own: MonitorTable,
    defaults: DefaultsTable,
    sources: tuple[str, ...],
    everyone: tuple[str, ...],
    reading: Reading,
) -> Monitor | None:
    """One monitor, or None when it has no currency or its budget no amount, which is noted.

    `sources` are all that there are, `everyone` those who are told where the monitor does not say who.
    """
    table = overlay(defaults, own)
    key: Key = ("monitors", name)
    currency = _currency(table, key, reading)
    if currency is None or not _has_amount(own, table, key, reading):
        return None
    per = tuple(table.per)
    return Monitor(
        name=name,
        sources=tuple(table.sources or sources),
        currency=currency,
        where=_where(table.where),
        per=per,
        environment=table.environment,
        mode=table.mode,
        enforce=frozenset(table.enforce),
        budget=_budget(table, currency),
        book=_book(table, per, currency, key, reading),
        anomaly=_anomaly(table.anomaly) if table.anomaly else None,
        burn_rate=BurnRatePolicy(**table.burn_rate.model_dump()) if table.burn_rate else None,
        forecast=table.forecast,
        breaker=BreakerPolicy(**table.breaker.model_dump()),
        run_rate_cost=table.run_rate.cost,
        run_rate_charges=tuple(table.run_rate.charges),
        min_impact=table.min_impact,
        stale_after=table.stale_after,
        when_stale=table.when_stale,
        channels=everyone if table.channels is None else tuple(table.channels),
        owner=table.owner,
        remind_every=table.remind_every or None,
    )


def _anomaly(table: AnomalyTable) -> AnomalyPolicy:
    told = table.model_dump(exclude={"false_alerts", "lookback"})
    usual = SEASONAL_LOOKBACK if table.method == SEASONAL else SIMPLE_LOOKBACK
    found = AnomalyPolicy(**told, lookback=table.lookback or usual)
    if isinstance(table.false_alerts, str):
        return replace(found, false_alerts_a_week=float(table.false_alerts.removesuffix(A_WEEK)))
    return replace(found, false_alerts=table.false_alerts)


def _currency(table: MonitorTable, key: Key, reading: Reading) -> str | None:
    budget = table.budget.currency if table.budget else None
    if table.currency and budget and table.currency != budget:
        reading.problem((*key, "currency"), f"is {table.currency}, but the budget's is {budget}: a monitor has one")
        return None
    if not (table.currency or budget):
        reading.problem(key, 'has no currency; write currency = "USD" here or in [defaults]')
    return table.currency or budget


def _has_amount(own: MonitorTable, table: MonitorTable, key: Key, reading: Reading) -> bool:
    """A budget in [defaults] may be without an amount: it is what other budgets start from.

    With an owners table it may not, for then nothing would carry its period, cost and warning to the table.
    """
    if not table.budget or table.budget.amount is not None:
        return True
    if own.budget:
        reading.problem((*key, "budget", "amount"), "missing: the limit of one period")
    elif own.budgets and table.budget.model_fields_set & {"period", "cost", "warning"}:
        text = "missing: the limit of circuits that the owners table does not list"
        reading.problem((*key, "budget", "amount"), text)
    else:
        return True
    return False


def _budget(table: MonitorTable, currency: str) -> Budget | None:
    if not table.budget or table.budget.amount is None:
        return None
    found = table.budget
    return Budget(table.budget.amount, currency, found.period, found.cost, found.warning)


def _book(table: MonitorTable, per: tuple[str, ...], currency: str, key: Key, reading: Reading) -> BudgetBook | None:
    if table.budgets is None:
        return None
    if not per:
        reading.problem((*key, "budgets"), 'needs circuits to tell apart; write per = ["sub_account"], for example')
        return None
    return read_book(table.budgets, per, currency, (*key, "budgets"), reading)


def _where(table: WhereTable) -> Where:
    matches = [Match(name, tuple(patterns)) for name, patterns in table.matches.items()]
    negated = [Match(name, tuple(patterns), negate=True) for name, patterns in table.negated.items()]
    return (*matches, *negated)

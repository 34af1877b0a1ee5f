"""Accounts that vanish from a source's past: seen no more is not spent no more.

A permission that was narrowed, or an account that left an organisation, takes its past along: every day of the window
is told anew, without it. Taken at its word, the source would look as if spend had fallen, and breakers would close.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cloudcircuit.model import SourceState, column_of
from cloudcircuit.service.cells import COSTS, CURRENCY
from cloudcircuit.service.house import Source
from cloudcircuit.service.ledger import Word
from cloudcircuit.service.reading import Reading

_ACCOUNT = "sub_account"
_Spend = Mapping[tuple[str, str], Decimal]
"""By account and currency."""


def find_absent(spec: Source, before: SourceState, reading: Reading, now: datetime) -> dict[str, datetime]:
    """The accounts that are gone from the whole window, with the time when that was noticed.

    Those that go together count by their share of what was known of the window (`restated_share`). They stay until
    they are back, or somebody acknowledges the source. Known only where monitors look at accounts.
    """
    answer = reading.longest_known(_ACCOUNT)
    if answer is None:
        return dict(before.absent)
    # Days before the first that is told keep what was said of them, and with it the accounts that are gone.
    old, new = (_spend(word, answer.diff.first) for word in (answer.old, answer.diff.word))
    there = {account for account, _ in new}
    standing = {name: at for name, at in before.absent.items() if name not in there}
    return _newly(spec, old, new, now) | standing


def _newly(spec: Source, old: _Spend, new: _Spend, now: datetime) -> dict[str, datetime]:
    left = {account for account, _ in new}
    gone = {key: amount for key, amount in old.items() if key[0] not in left}
    share = Decimal(repr(spec.restated_share))
    is_much = any(_total(gone, currency) >= share * _total(old, currency) for _, currency in gone)
    return {account: now for account, _ in gone} if is_much else {}


def _total(spend: _Spend, currency: str) -> Decimal:
    return sum((amount for (_, own), amount in spend.items() if own == currency), Decimal(0))


def source_name(source: str) -> str:
    """What an act calls a source, where circuits have their names."""
    return f"source:{source}"


def names_source(match: str) -> bool:
    return match.startswith(source_name(""))


def _spend(word: Word, first: date | None) -> _Spend:
    """What moved on each account in each currency from a day on, where anything did: credits do not hide charges."""
    column, told = column_of(_ACCOUNT), [table for day, table in word.items() if first is not None and day >= first]
    days = [_amounts(table, column) for table in told if column in table.column_names and table.num_rows]
    if not days:
        return {}
    sums = pa.concat_tables(days).group_by(["account", "currency"], use_threads=False).aggregate([("amount", "sum")])
    rows = zip(*(sums[name].to_pylist() for name in ("account", "currency", "amount_sum")), strict=True)
    return {(account, currency): amount for account, currency, amount in rows if account is not None and amount}


def _amounts(day: Any, column: str) -> Any:
    cost = next(name for name in COSTS if name in day.column_names)
    texts = {"account": day[column].cast(pa.string()), "currency": day[CURRENCY].cast(pa.string())}
    return pa.table({**texts, "amount": pc.abs(day[cost])})

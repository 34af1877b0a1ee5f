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
from cloudcircuit.service.cells import COSTS
from cloudcircuit.service.house import Source
from cloudcircuit.service.ledger import Word
from cloudcircuit.service.reading import Answer, Reading

_ACCOUNT = "sub_account"


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
    standing = {name: at for name, at in before.absent.items() if not new.get(name)}
    return standing | _newly(spec, answer, old, new, now)


def _newly(
    spec: Source, answer: Answer, old: Mapping[str, Decimal], new: Mapping[str, Decimal], now: datetime
) -> dict[str, datetime]:
    gone = {name: amount for name, amount in old.items() if amount and not new.get(name)}
    share = Decimal(repr(spec.restated_share))
    is_much = bool(gone) and sum(gone.values()) >= share * sum(old.values())
    return dict.fromkeys(gone, now) if is_much and answer.old else {}


def source_name(source: str) -> str:
    """What an act calls a source, where circuits have their names."""
    return f"source:{source}"


def names_source(match: str) -> bool:
    return match.startswith(source_name(""))


def _spend(word: Word, first: date | None) -> dict[str, Decimal]:
    """What moved on each account from a day on, in whatever currency: credits do not hide charges."""
    column, told = column_of(_ACCOUNT), [table for day, table in word.items() if first is not None and day >= first]
    days = [_amounts(table, column) for table in told if column in table.column_names and table.num_rows]
    if not days:
        return {}
    sums = pa.concat_tables(days).group_by("account", use_threads=False).aggregate([("amount", "sum")])
    pairs = zip(sums["account"].to_pylist(), sums["amount_sum"].to_pylist(), strict=True)
    return {account: amount for account, amount in pairs if account is not None}


def _amounts(day: Any, column: str) -> Any:
    cost = next(name for name in COSTS if name in day.column_names)
    return pa.table({"account": day[column].cast(pa.string()), "amount": pc.abs(day[cost])})

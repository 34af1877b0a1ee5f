"""A question to one table, with all that is known before it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from sqlalchemy import TextClause

from cloudcircuit.model import Match, SpendQuery
from cloudcircuit_sql import tags
from cloudcircuit_sql.buckets import Bucket
from cloudcircuit_sql.columns import CURRENCY, START, Column, Kind, Layout
from cloudcircuit_sql.engines import Engine

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No cloud charged anything before it: an earlier instant is a broken one."""

AHEAD = timedelta(days=3653)
"""How far after now a charge can begin: a replay may lie years before the rows that it does not see yet."""

DEFAULT_CATEGORY = "Usage"
"""What a row without a ChargeCategory is taken for."""


class State(IntEnum):
    """What a row is to the answer. Beyond OTHER: one for each column that can make a row unreadable."""

    TAKEN = 0
    OTHER = 1
    BROKEN = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """A question to one table.

    `keys` are the dimensions that rows are told apart by: those of the answer, and those of filters that the engine
    does not decide. `form` is how tags are read, where some are needed.
    """

    engine: Engine
    layout: Layout
    source: TextClause
    query: SpendQuery
    now: datetime
    buckets: tuple[Bucket, ...]
    form: tags.Form = tags.Form.NONE

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions of the answer, each once; the charge category is in it anyway."""
        return tuple(dict.fromkeys(name for name in self.query.dimensions if name != "charge_category"))

    @property
    def asked(self) -> tuple[str, ...]:
        """The dimensions of the answer and of its filters."""
        return tuple(dict.fromkeys([*self.query.dimensions, *(match.dimension for match in self.query.where)]))

    @property
    def pushed(self) -> tuple[Match, ...]:
        """The filters that the engine decides exactly as we do."""
        return tuple(match for match in self.query.where if self.engine.filters and not self.is_raw(match.dimension))

    @property
    def keys(self) -> tuple[str, ...]:
        left = [match.dimension for match in self.query.where if match not in self.pushed]
        names = dict.fromkeys([*self.dimensions, *left])
        return tuple(name for name in names if name != "charge_category" and not self.is_raw(name))

    @property
    def names(self) -> tuple[str, ...]:
        """All dimensions that are read of a row: the keys, and those that the engine filters by."""
        filtered = [match.dimension for match in self.pushed if match.dimension != "charge_category"]
        return tuple(dict.fromkeys([*self.keys, *filtered]))

    @property
    def reads_tags(self) -> bool:
        """Whether whole texts of tags come back, to be taken apart here."""
        return any(map(self.is_raw, self.asked))

    @property
    def quantity(self) -> tuple[Column, Column] | None:
        """The columns of quantity and unit, where they are asked for and there."""
        return self.layout.quantity if self.query.quantities else None

    @property
    def has_text_start(self) -> bool:
        return self.layout.columns[START].kind is Kind.TEXT

    @property
    def end(self) -> datetime:
        """Rows that begin from here on are none of the answer."""
        return min(self.query.end, self.query.visible_until or self.query.end)

    @property
    def flaws(self) -> tuple[str, ...]:
        """The columns that make a row unreadable where they are empty, in the order of their states."""
        return (CURRENCY, *self.layout.costs)

    def is_raw(self, dimension: str) -> bool:
        return dimension.startswith("tag:") and self.form is tags.Form.TEXT

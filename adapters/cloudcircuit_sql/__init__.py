"""A FOCUS table or view in any warehouse that SQLAlchemy reaches, as a source of spend; the sums are made there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from cloudcircuit.model import Breakdown, Grain, check_secret_reference
from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter

SecretReference = Annotated[str, AfterValidator(check_secret_reference)]
TableName = Annotated[str, StringConstraints(pattern=r"^[\w$-]+(\.[\w$-]+){0,2}$")]


class Options(BaseModel):
    """The keys beside `adapter = "sql"`.

    url       where the database is and how to log in, as SQLAlchemy writes it: a reference to a secret (`env:NAME` or
              `file:PATH`), read at use.
    table     the FOCUS table or view: `table`, `schema.table` or `catalog.schema.table`. Upper and lower case count as
              they do for a quoted name in that database.
    tags      what the column Tags holds: `json` (text or a JSON type), `map`, or `none`, which leaves tags alone;
              `auto` tells by the type of the column.
    max_rows  the most combinations of days and dimension values that an answer may have (each takes about a kilobyte);
              more are an error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretReference
    table: TableName
    tags: Literal["auto", "json", "map", "none"] = "auto"
    max_rows: Annotated[int, Field(ge=1, le=10_000_000, strict=True)] = 500_000


def _open(options: Options, context: AdapterContext) -> CostAdapter:
    from cloudcircuit_sql.client import SqlSource

    return SqlSource(options, context)


def _unsupported(options: Options, need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    asked = sorted({*need.dimensions, *(match.dimension for match in need.where)})
    tags = [name for name in asked if name.startswith("tag:")]
    if options.tags != "none" or not tags:
        return ()
    return (f'cannot tell charges by {", ".join(tags)} with tags = "none"; leave `tags` out if the table has them',)


plugin = AdapterPlugin(name="sql", options=Options, open=_open, unsupported=_unsupported)

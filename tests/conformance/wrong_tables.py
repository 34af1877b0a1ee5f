"""Wrong in what they are, or in what their table says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from cloudcircuit.charges import Charge
from cloudcircuit.model import Breakdown, CallCost, Grain, ReportStatus, SpendQuery
from cloudcircuit.ports import SpendReport
from tests.conformance import memory
from tests.conformance.memory import MemorySource
from tests.conformance.wrong import MUTANTS, NOW, Mutant, Reported, Retold, caught, wrong


class LooseOptions(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    world: str
    key: str = "env:MEMORY_KEY"
    narrow: bool = False


class SoftOptions(memory.Options):
    model_config = ConfigDict(frozen=False)


def knows_nothing(_options: Any, need: Breakdown, _grain: Grain) -> tuple[str, ...]:
    return ("it knows nothing of this; read something else",) if need.dimensions or need.where else ()


def as_list(*_: Any) -> Any:
    return ["not a tuple of sentences"]


wrong("the_plugin_is_a_value", "plain letters", name="my adapter")
wrong("its_zone_and_its_modules_are_there", "is no time zone", timezone="Pacific")
wrong("its_zone_and_its_modules_are_there", "that are not there", requires=("cloud-sdk",))
wrong("the_options_are_a_strict_model", "extra is missing", options=LooseOptions)
wrong("the_options_are_a_strict_model", "frozen is missing", options=SoftOptions)
wrong("the_options_are_a_strict_model", "must be a pydantic model", options=dict)
wrong("a_misspelt_option_is_refused", "typing error", options=LooseOptions)
wrong("scope_is_made_of_sentences", "a tuple of sentences", scope=lambda _: "only half of the bill")
wrong("what_it_cannot_answer_it_says_in_sentences", "a tuple of sentences", unsupported=as_list)
wrong("what_the_charges_have_it_can_answer", "`values` names service", unsupported=knows_nothing)
MUTANTS.append(
    Mutant(
        "its_zone_and_its_modules_are_there", "timezone is UTC", settings={"own_zone": True, "zones": ("Asia/Tokyo",)}
    ),
)
MUTANTS.append(
    Mutant("importing_the_adapter_imports_no_sdk", "imports numpy", settings={"package": "numpy"}),
)


@caught("opening_makes_no_call", "open is free")
class ConnectsAtOnce(MemorySource):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.context.meter.take(CallCost(1))


@caught("closing_twice_is_fine", "harmless, and twice as well")
class ClosesOnce(MemorySource):
    is_open = True

    def close(self) -> None:
        if not self.is_open:
            raise RuntimeError("closed already")
        self.is_open = False


# --- the table --------------------------------------------------------------------------------


@caught("the_table_has_the_promised_columns", "decimal128(38, 18)")
class Floats(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        table = report.table.set_column(
            report.table.schema.get_field_index("BilledCost"), "BilledCost", report.table["BilledCost"].cast("float64")
        )
        return replace(report, table=table)


@caught("the_table_has_the_promised_columns", "it must have")
class TellsMore(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, table=report.table.append_column("Line", pa.array(range(report.table.num_rows))))


@caught("nothing_is_null_but_missing_values", "have no BillingCurrency")
class Holes(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [replace(rows[0], currency=None), *rows[1:]]  # type: ignore[arg-type]  # that is what is wrong


@caught("a_missing_value_is_null", "must be null")
class EmptyText(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [replace(row, values=tuple(value or "" for value in row.values)) for row in rows]


@caught("each_combination_has_one_row", "add up what has the same")
class Loose(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, table=pa.concat_tables([report.table.slice(0, 1), report.table]))


@caught("sums_are_those_of_the_charges_to_the_last_digit", "instead of")
class DropsARow(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return rows[:-1]


@caught("amounts_stay_exact", "were they floats")
class AddsFloats(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        sums: dict[Any, float] = {}
        for row in rows:
            key = replace(row, billed=None, effective=None)
            sums[key] = sums.get(key, 0.0) + float(row.billed or 0)
        return [replace(key, billed=Decimal(str(it)), effective=Decimal(str(it))) for key, it in sums.items()]


@caught("negative_amounts_are_amounts", "refunds")
class NoRefunds(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [row for row in rows if (row.billed or 0) >= 0]


@caught("a_day_that_cost_nothing_is_a_known_day", "a charge of 0")
class NoZeros(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [row for row in rows if row.billed]


@caught("currencies_are_kept_apart", "never meet")
class OneCurrency(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [replace(row, currency="USD") for row in rows]


@caught("categories_are_kept_apart", "charge categories")
class OneCategory(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return [replace(row, category="Usage") for row in rows]


@caught("what_is_said_beside_the_table_is_well_formed", "called suspicious")
class Suspects(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, status=ReportStatus.SUSPICIOUS)


@caught("what_is_said_beside_the_table_is_well_formed", "are none")
class SaysColumns(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, dimensions=("ServiceName",))


@caught("what_is_said_beside_the_table_is_well_formed", "money is a Decimal")
class FloatDollars(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, cost=CallCost(1, 0.01))  # type: ignore[arg-type]  # that is what is wrong


@caught("no_data_is_not_zero", "no data is not zero")
class ZeroForNothing(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return rows or [Charge(query.start, "USD", "Usage", (None,) * len(query.dimensions), Decimal(0), Decimal(0))]


@caught("no_data_is_not_zero", "all charges are in")
class SureOfNothing(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        mark = report.watermark or NOW - timedelta(days=1)
        return replace(report, watermark=mark, status=ReportStatus.COMPLETE)


@caught("no_data_is_not_zero", "nothing is known of them")
class ToldOfNothing(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return replace(report, told=frozenset({NOW.date() - timedelta(days=2)}))


@caught("days_without_data_are_left_out", "fill no gaps")
class FillsGaps(Retold):
    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        count = (query.end - query.start).days
        zeros = [
            Charge(query.start + timedelta(days=n), "USD", "Usage", (), Decimal(0), Decimal(0)) for n in range(count)
        ]
        return [*rows, *zeros]


@caught("the_same_question_has_the_same_answer", "asked twice in one opening")
class Forgets(Retold):
    asked = 0

    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        self.asked += 1
        return rows if self.asked == 1 else []


@caught("a_question_for_quantities_has_the_same_figures", "asked for quantities, the figures")
class CountsOrPays(Retold):
    """Asked how much was used, it forgets what a row costs."""

    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return rows[:-1] if query.quantities else rows


@caught("a_question_for_quantities_has_the_same_figures", "or neither")
class HalfAQuantity(Reported):
    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        if not query.quantities:
            return report
        units = pa.array(["hours"] * report.table.num_rows, pa.string())
        return replace(report, table=report.table.append_column("PricingUnit", units))

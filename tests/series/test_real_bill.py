"""A real bill, October and November 2018: from its charges to circuits, to the cent."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest

from cloudcircuit.model import Breakdown, Circuit, Cost, Monitor, SpendQuery, column_of
from cloudcircuit.service.budget_sums import BudgetSums, budget_sums
from cloudcircuit.service.cells import AMOUNT, COSTS, STAMP, SourceImage
from cloudcircuit.service.diff import changes
from cloudcircuit.service.drivers import Compared, find_drivers
from cloudcircuit.service.ledger import image
from cloudcircuit.service.series import Cut, cut
from tests.series.world import ZONE

BILL = Path(__file__).parents[2] / "examples" / "aws-2018-10-11.csv"
FIRST, END = date(2018, 10, 1), date(2018, 12, 1)
DIMENSIONS = ("service", "sub_account", "region")
GLUE = "AWS Glue"


@pytest.fixture(scope="module")
def source() -> SourceImage:
    """The bill as its source would say it, once through the ledger and back."""
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (FIRST, END))
    query = SpendQuery(start, end, dimensions=DIMENSIONS)
    diff = changes({}, bill(), source="aws", said_at=end, query=query)
    return SourceImage(image(diff.statements), ZONE, end - timedelta(days=1), breakdown=Breakdown(DIMENSIONS))


def bill() -> pa.Table:
    names = ["ChargePeriodStart", "BillingCurrency", "ChargeCategory", *map(column_of, DIMENSIONS), *COSTS]
    text = dict.fromkeys(names, pa.string())
    options = pyarrow.csv.ConvertOptions(include_columns=names, column_types=text, strings_can_be_null=True)
    table = pyarrow.csv.read_csv(BILL, convert_options=options)
    starts = pc.strptime(table["ChargePeriodStart"], format="%Y-%m-%dT%H:%M:%SZ", unit="us")
    table = table.set_column(0, "ChargePeriodStart", starts.cast(pa.timestamp("us")).cast(STAMP))
    for name in COSTS:
        # Some amounts are written like 1e-07; a decimal reads them where a cast from text does not.
        exact = pa.array([Decimal(text) for text in table[name].to_pylist()], AMOUNT)
        table = table.set_column(table.column_names.index(name), name, exact)
    return table


def watch(*per: str) -> Monitor:
    return Monitor("bill", ("aws",), "USD", per=per)


def cut_bill(source: SourceImage, *per: str) -> Cut:
    return cut(watch(*per), {"aws": source}, start=FIRST, end=END)


def sums(source: SourceImage, cost: Cost, *per: str, end: date = END) -> BudgetSums:
    return budget_sums(cut_bill(source, *per), cost, FIRST, end)


def test_totals_to_the_cent(source: SourceImage) -> None:
    assert round(sums(source, Cost.BILLED).known[0], 2) == Decimal("7569.81")
    assert round(sums(source, Cost.EFFECTIVE).known[0], 2) == Decimal("7828.52")
    october = sums(source, Cost.BILLED, end=date(2018, 11, 1))
    assert round(october.known[0] - october.known_usage[0], 2) == Decimal("149.78")  # two reservations
    assert (october.settled_days, october.complete) == (31, True)


@pytest.mark.parametrize("per", [("service",), ("region", "sub_account"), ("service", "sub_account", "region")])
def test_circuits_add_up_to_the_whole(source: SourceImage, per: tuple[str, ...]) -> None:
    for cost in Cost:
        assert sum(sums(source, cost, *per).known) == sums(source, cost).known[0]


def test_glue_doubles_on_the_tenth(source: SourceImage) -> None:
    found = cut_bill(source, "service")
    glue = found.usage[[circuit.values for circuit in found.circuits].index((GLUE,))]
    assert [round(value, 1) for value in glue[7:11].tolist()] == [52.9, 54.0, 105.7, 105.7]
    assert glue[date(2018, 11, 21).toordinal() - FIRST.toordinal()] == 0.0
    assert found.settled.tolist() == [True] * 60 + [False]


def test_who_drives_glue(source: SourceImage) -> None:
    days = [datetime(2018, 10, day, tzinfo=UTC) for day in range(1, 11)]
    compared = Compared(watch("service"), Circuit(f"bill/{GLUE}", "bill", (GLUE,)), days[9:], days[:9])
    found = find_drivers(compared, {"aws": [source]})
    assert found is not None
    assert 52 < found.excess < 54
    assert all(driver.dimension in {"sub_account", "region"} for driver in found.drivers)

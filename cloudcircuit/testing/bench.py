"""What the tests of the contract stand on: the adapter's world as its author describes it, and questions put to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import SkipTest
from zoneinfo import ZoneInfo

from cloudcircuit.charges import Charge, day_start
from cloudcircuit.clock import Deadline
from cloudcircuit.errors import CloudCircuitError
from cloudcircuit.model import Breakdown, Cost, Grain, SpendQuery, Where
from cloudcircuit.ports import AdapterContext, AdapterPlugin, CostAdapter, SpendReport
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit.testing.figures import expected, figures, must_be_same, named

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Bench:
    """The adapter under test, and the world behind it. A subclass says what follows; the first three it must.

    plugin       the adapter's value
    options      its options as they would stand in the configuration; they may name `self.folder`
    load         puts exactly these charges behind the source, in place of all that was there

    now, lag     the moment of all tests, and the operator's lag
    values       the dimensions that the charges have, with some values each that the provider can have; None where a
                 value can be missing. `load` gets `Charge.values` in this order. What `unsupported` refuses to group
                 by is only filtered by
    categories, currencies, costs, grains   what the source knows of; one currency is enough
    zones        in which it can cut charge days; the first is the one of most tests
    instants     whether it keeps the hour of a charge; False where it has days only
    own_zone     whether its days are those of `zones[0]` for good, and other zones must be refused
    smallest     the smallest amount that it keeps apart
    secrets      the secrets that `options` name, by their reference; `hidden`: what else must stand in no text, as the
                 keys of an environment
    package      the import package of the adapter, and `sdks`: what must not be imported along with it
    patience     seconds that a usual answer may take

    What is not provided of the faults (`break_login` and those after it) and of `calls` skips its tests. Everything
    that belongs to one test lives in `self`: there is an instance for each.
    """

    now = datetime(2024, 11, 20, 12, tzinfo=UTC)
    lag = timedelta(hours=24)
    values: Mapping[str, tuple[str | None, ...]] = {
        "service": ("Compute", "Compute*Spot", "object storage", None),
        "sub_account": ("000000000111", "222222222222", None),
        "region": ("eu-west-1", "us-east-1", None),
    }
    categories: tuple[str, ...] = ("Usage", "Credit", "Tax")
    currencies: tuple[str, ...] = ("USD", "EUR")
    costs: tuple[Cost, ...] = (Cost.BILLED, Cost.EFFECTIVE)
    grains: tuple[Grain, ...] = (Grain.DAY, Grain.HOUR)
    zones: tuple[str, ...] = ("UTC", "America/Los_Angeles", "Australia/Lord_Howe", "America/Santiago")
    instants = True
    own_zone = False
    smallest = Decimal("0.000000001")
    secrets: Mapping[str, str] = {}
    hidden: tuple[str, ...] = ()
    sdks: tuple[str, ...] = (
        *("azure", "boto3", "botocore", "duckdb", "google.cloud", "httpx", "numpy", "pandas", "pyarrow", "requests"),
        *("snowflake", "sqlalchemy", "urllib3"),
    )
    patience = 20.0

    @property
    def plugin(self) -> AdapterPlugin:
        raise TypeError("say which adapter is tested: plugin = cloudcircuit_sunny.plugin")

    @property
    def options(self) -> Mapping[str, Any]:
        raise TypeError('say how the source is configured: options = {"path": …}, without `adapter`')

    @property
    def package(self) -> str:
        return self.plugin.options.__module__.partition(".")[0]

    def load(self, charges: Sequence[Charge]) -> None:  # noqa: ARG002 - as a subclass has it
        raise TypeError("put exactly these charges behind the source, in place of all that was there")

    # --- faults, as far as the source can have them ---------------------------------------------------------

    def break_login(self) -> None:
        """From now on the provider refuses our credentials."""
        raise SkipTest("break_login is not provided")

    def throttle(self, retry_after: float) -> None:  # noqa: ARG002 - for those who provide it
        """From now on the provider answers "too many requests; come back in so many seconds"."""
        raise SkipTest("throttle is not provided")

    def hang(self) -> None:
        """From now on the provider takes what it is asked and does not answer."""
        raise SkipTest("hang is not provided")

    def truncate(self) -> None:
        """From now on an answer (or a file) ends in the middle."""
        raise SkipTest("truncate is not provided")

    def garble(self) -> None:
        """From now on the provider answers with something else: the page of a proxy, a file of another kind."""
        raise SkipTest("garble is not provided")

    def vanish(self) -> None:
        """From now on nothing is there: no server, no file, no table."""
        raise SkipTest("vanish is not provided")

    def spoil(self) -> None:
        """From now on one amount among those loaded is none: "NaN", an empty cell, a word."""
        raise SkipTest("spoil is not provided")

    def calls(self) -> int:
        """How many calls that are to be counted (each page, where pages are) the provider has seen so far."""
        raise SkipTest("calls is not provided")

    # --- one test ---------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        """pytest calls it before each test; extend it to start servers."""

    def teardown_method(self) -> None:
        """pytest calls it after each test; extend it to stop them."""
        if "folder" in self.__dict__:
            shutil.rmtree(self.folder)

    @cached_property
    def folder(self) -> Path:
        """An empty folder of this test, where the paths of `options` begin; it is gone afterwards."""
        return Path(mkdtemp(prefix="cloudcircuit-"))

    # --- charges to load ------------------------------------------------------------------------------------

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(self.values)

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zones[0])).date()

    def charge(
        self,
        start: date,
        amount: str | Decimal,
        *,
        effective: str | Decimal | None = None,
        category: str | None = None,
        currency: str | None = None,
        values: Mapping[str, str | None] | None = None,
    ) -> Charge:
        """A charge of an instant, or of a day; of the first values there are unless others are given."""
        at = start if isinstance(start, datetime) else day_start(start, self.zones[0])
        known = {dimension: values_of[0] for dimension, values_of in self.values.items()} | dict(values or {})
        return Charge(
            at,
            currency or self.currencies[0],
            category or self.categories[0],
            tuple(known[dimension] for dimension in self.dimensions),
            Decimal(amount) if Cost.BILLED in self.costs else None,
            Decimal(amount if effective is None else effective) if Cost.EFFECTIVE in self.costs else None,
        )

    def two_weeks(self) -> list[Charge]:
        """Charges of two weeks up to today: several each day, some of them of the same values."""
        charges = []
        for place in range(14):
            for turn in (0, 1, 2, 0):
                values = {
                    dimension: known[(place * (order + 1) + turn) % len(known)]
                    for order, (dimension, known) in enumerate(self.values.items())
                }
                amount = Decimal(place * 7 + turn * 3 + 1) / 10 + self.smallest * (turn + 1)
                day = self.today - DAY * (13 - place)
                charges.append(self.charge(day, amount, effective=amount - Decimal("0.05"), values=values))
        return charges

    # --- questions ------------------------------------------------------------------------------------------

    def context(self, *, now: datetime | None = None, meter: MemoryMeter | None = None) -> AdapterContext:
        """What the adapter is opened with."""
        return adapter_context(
            now or self.now, lag=self.lag, root=self.folder, meter=meter or MemoryMeter(), secrets=self.secrets
        )

    def settings(self) -> Any:
        """The options as the adapter gets them."""
        return self.plugin.options.model_validate(dict(self.options))

    @contextmanager
    def opened(self, *, now: datetime | None = None, meter: MemoryMeter | None = None) -> Iterator[CostAdapter]:
        """The adapter, open; closed afterwards."""
        adapter = self.plugin.open(self.settings(), self.context(now=now, meter=meter))
        try:
            yield adapter
        finally:
            adapter.close()

    def query(
        self,
        dimensions: Sequence[str] = (),
        where: Where = (),
        *,
        first: date | None = None,
        last: date | None = None,
        zone: str | None = None,
        **more: Any,
    ) -> SpendQuery:
        """A question about the days from `first` to `last`, both included: by default those of `two_weeks`."""
        zone = zone or self.zones[0]
        start = day_start(first or self.today - 13 * DAY, zone)
        end = day_start((last or self.today) + DAY, zone)
        known = {"grain": self.grains[0], "visible_until": self.now, **more}
        return SpendQuery(start, end, zone, dimensions=tuple(dimensions), where=where, **known)

    def ask(self, query: SpendQuery, *, now: datetime | None = None, meter: MemoryMeter | None = None) -> SpendReport:
        """The answer of an adapter that is opened for this question."""
        with self.opened(now=now, meter=meter) as adapter:
            return self.fetch(adapter, query)

    def fetch(self, adapter: CostAdapter, query: SpendQuery) -> SpendReport:
        try:
            return adapter.fetch(query, Deadline(self.patience))
        except CloudCircuitError as error:
            raise AssertionError(f"fetch refused {named(query)}, in days of {query.zone}: {error}") from error

    def must_say(self, report: SpendReport, charges: Sequence[Charge], query: SpendQuery, what: str) -> None:
        """Raises AssertionError unless the report says what these charges come to."""
        wanted = expected(charges, self.dimensions, query, self.costs)
        must_be_same(figures(report, query.dimensions), wanted, what)

    def can(self, need: Breakdown, grain: Grain | None = None) -> bool:
        """Whether the plugin says that such a source answers this need."""
        return not self.plugin.unsupported(self.settings(), need, grain or self.grains[0])

    @cached_property
    def groupable(self) -> tuple[str, ...]:
        """The dimensions that can be asked for; by others the source can only filter."""
        return tuple(dimension for dimension in self.dimensions if self.can(Breakdown((dimension,))))

    def widest(self) -> tuple[str, ...]:
        """As many of the dimensions as one question may have."""
        asked: tuple[str, ...] = ()
        for dimension in self.groupable:
            need = Breakdown((*asked, dimension))
            if self.can(need) and len(self.split([need])) == 1:
                asked = need.dimensions
        return asked

    def split(self, needs: Sequence[Breakdown], grain: Grain | None = None) -> tuple[Breakdown, ...]:
        return self.plugin.split(self.settings(), needs, grain or self.grains[0])

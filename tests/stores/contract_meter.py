"""What counting the cost of calls must do in every store: exact, durable, never beyond the cap."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.errors import StoreError
from cloudcircuit.model import CallCost
from cloudcircuit.stores import SqlStore
from tests.stores.examples import DAY, NOW

TODAY = NOW.date()
CENT = CallCost(1, Decimal("0.01"), 10)


class MeterContract:
    def test_what_calls_cost_adds_up_by_source_and_day(self, store: SqlStore) -> None:
        assert store.meter(date.min) == {}
        assert store.take("aws", TODAY, CENT, None)
        assert store.take("aws", TODAY, CallCost(2, Decimal("0.005"), 7), None)
        assert store.take("aws", TODAY + DAY, CENT, None)
        assert store.take("gcp", TODAY, CallCost(bytes=2**40), None)
        today = CallCost(3, Decimal("0.015"), 17)
        assert store.meter(TODAY) == {"aws": {TODAY: today, TODAY + DAY: CENT}, "gcp": {TODAY: CallCost(bytes=2**40)}}
        assert store.meter(TODAY + DAY) == {"aws": {TODAY + DAY: CENT}}

    def test_a_call_beyond_the_cap_is_refused_and_nothing_is_written(self, store: SqlStore) -> None:
        cap = Decimal("0.02")
        assert [store.take("aws", TODAY, CENT, cap) for _ in range(3)] == [True, True, False]
        assert store.meter(TODAY)["aws"][TODAY] == CallCost(2, cap, 20)
        assert not store.take("aws", TODAY + DAY, CallCost(1, Decimal("0.0200000001")), cap)
        assert TODAY + DAY not in store.meter(TODAY)["aws"]

    def test_a_cap_is_of_one_source_and_one_day(self, store: SqlStore) -> None:
        cap = Decimal("0.01")
        assert store.take("aws", TODAY, CENT, cap)
        assert store.take("gcp", TODAY, CENT, cap)
        assert store.take("aws", TODAY + DAY, CENT, cap)
        assert not store.take("aws", TODAY, CENT, cap)

    def test_a_free_call_is_counted_whatever_was_spent(self, store: SqlStore) -> None:
        assert store.take("aws", TODAY, CENT, Decimal("0.01"))
        assert store.take("aws", TODAY, CallCost(1), Decimal(0))
        assert store.meter(TODAY)["aws"][TODAY] == CallCost(2, Decimal("0.01"), 10)

    def test_any_name_is_a_source(self, store: SqlStore) -> None:
        for name in ("", "A", "a", "%", "'; DROP TABLE meter", "\N{SNOWMAN}"):
            store.take(name, TODAY, CENT, None)
        assert len(store.meter(TODAY)) == 6

    @pytest.mark.parametrize(
        "cost",
        [
            CallCost(1, Decimal("NaN")),
            CallCost(1, Decimal("Infinity")),
            CallCost(1, Decimal("-0.01")),
            CallCost(-1),
            CallCost(bytes=-1),
            CallCost(1, Decimal("1E-61")),
            CallCost(1, Decimal("1E+61")),
            CallCost(2**63),
        ],
    )
    def test_what_is_no_cost_is_refused(self, store: SqlStore, cost: CallCost) -> None:
        with pytest.raises(StoreError):
            store.take("aws", TODAY, cost, None)
        with pytest.raises(StoreError):
            store.take("aws", TODAY, CENT, Decimal("NaN"))
        assert store.meter(TODAY) == {}

    def test_prune_takes_old_days(self, store: SqlStore) -> None:
        for age in (0, 30, 31, 400):
            store.take("aws", TODAY - age * DAY, CENT, None)
        assert store.prune(NOW - 30 * DAY) == 2
        assert set(store.meter(date.min)["aws"]) == {TODAY, TODAY - 30 * DAY}

    def test_a_backup_has_what_was_counted(self, store: SqlStore, tmp_path: Path) -> None:
        store.take("aws", TODAY, CENT, None)
        store.backup(tmp_path / "backup.db")
        copy = self.open_copy(tmp_path / "backup.db")
        assert copy.meter(TODAY) == {"aws": {TODAY: CENT}}
        assert not copy.take("aws", TODAY, CENT, Decimal("0.01"))
        copy.close()

    def open_copy(self, target: Path) -> SqlStore:
        raise AssertionError("say how a backup is opened")

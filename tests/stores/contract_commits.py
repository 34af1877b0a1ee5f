"""What a commit must do in every store: values come back, versions hold, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import AlertKind, BreakerState, Commit, Entry, Grain, Reason, SourceState
from cloudcircuit.stores import SqlStore
from tests.stores.examples import (
    DAY,
    HOUR,
    NOW,
    a_delivery,
    a_source,
    a_state,
    a_statement,
    a_transition,
    an_entry,
    any_of,
)

TODAY = NOW.date()
_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


class CommitContract:
    def open(self, folder: Path) -> SqlStore:
        raise AssertionError("say how this store is opened")

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        store = self.open(tmp_path)
        yield store
        store.close()

    # --- values come back -------------------------------------------------------------------------------

    def test_a_new_state_knows_nothing(self, store: SqlStore) -> None:
        assert store.states() == {}
        assert store.sources() == {}
        assert store.damaged() == ()
        assert store.history() == []
        assert store.deliveries() == []
        assert store.due(NOW) == []
        assert store.acts() == []
        assert store.acts_version() == 0
        assert store.newest() is None
        assert store.statements("aws", Grain.DAY, date.min, date.max) == []

    def test_any_state_and_source_come_back_as_they_were(self, store: SqlStore) -> None:
        @settings(max_examples=40, deadline=None)
        @given(state=any_of(BreakerState), source=any_of(SourceState), circuit=_names, name=_names)
        def check(state: BreakerState, source: SourceState, circuit: str, name: str) -> None:
            known, heard = store.states().get(circuit), store.sources().get(name)
            state = replace(state, circuit=circuit, version=known.version + 1 if known else 1)
            source = replace(source, source=name, version=heard.version + 1 if heard else 1)
            store.commit(Commit(states=(state,), sources=(source,)))
            assert store.states()[circuit] == state
            assert store.states(state.monitor)[circuit] == state
            assert store.sources()[name] == source
            assert store.damaged() == ()

        check()

    def test_any_entry_comes_back_numbered(self, store: SqlStore) -> None:
        @settings(max_examples=30, deadline=None)
        @given(any_of(Entry))
        def check(entry: Entry) -> None:
            before = store.history(limit=1)
            store.commit(Commit(history=(entry,)))
            (found,) = store.history(limit=1)
            assert replace(found, seq=0) == replace(entry, seq=0)
            assert found.seq > (before[0].seq if before else 0)

        check()

    def test_words_of_enums_are_text(self, store: SqlStore) -> None:
        entry = an_entry(kind=AlertKind.TRIPPED, detail={AlertKind.TRIPPED: Reason.ANOMALY})
        store.commit(Commit(states=(a_state(alerted={AlertKind.TRIPPED: NOW}),), history=(entry,)))
        (found,) = store.history()
        assert (found.kind, found.detail) == ("tripped", {"tripped": "anomaly"})
        assert store.states()["production/AmazonEC2"].alerted == {"tripped": NOW}

    @pytest.mark.parametrize(
        "circuit", ["a/%2F", "Ünïcode ☁", "x" * 10_000, "tab\tline\n", "'; DROP TABLE breakers --"]
    )
    def test_hostile_names_are_names(self, store: SqlStore, circuit: str) -> None:
        state = replace(a_state(), circuit=circuit, monitor=circuit)
        store.commit(Commit(states=(state,), history=(an_entry(circuit),)))
        assert store.states(circuit) == {circuit: state}
        assert store.history(circuit)[0].subject == circuit
        store.forget([circuit])
        assert store.states() == {}

    def test_states_can_be_asked_for_by_monitor(self, store: SqlStore) -> None:
        mine, other = a_state("production/EC2"), a_state("sandbox/EC2")
        store.commit(Commit(states=(mine, other)))
        assert store.states("sandbox") == {"sandbox/EC2": other}
        assert store.states("nobody") == {}
        assert set(store.states()) == {"production/EC2", "sandbox/EC2"}

    # --- versions ---------------------------------------------------------------------------------------

    def test_each_write_is_one_version_further(self, store: SqlStore) -> None:
        for version in (1, 2, 3):
            store.commit(Commit(states=(a_state(version=version),), sources=(a_source(version=version),)))
        assert store.states()["production/AmazonEC2"].version == 3
        assert store.sources()["aws"].version == 3

    @pytest.mark.parametrize("version", [1, 2, 4, 9])
    def test_another_version_than_the_next_is_a_conflict_that_names_the_row(
        self, store: SqlStore, version: int
    ) -> None:
        for each in (1, 2):
            store.commit(Commit(states=(a_state(version=each),), sources=(a_source(version=each),)))
        with pytest.raises(Conflict, match=r"circuit 'production/AmazonEC2'.*read"):
            store.commit(Commit(states=(a_state(version=version, at=NOW + DAY),)))
        with pytest.raises(Conflict, match=r"source 'aws'.*read"):
            store.commit(Commit(sources=(a_source(version=version, failures=7),)))
        assert store.states()["production/AmazonEC2"] == a_state(version=2)
        assert store.sources()["aws"] == a_source(version=2)

    def test_a_state_that_is_not_there_cannot_move(self, store: SqlStore) -> None:
        with pytest.raises(Conflict, match="it is not stored"):
            store.commit(Commit(states=(a_state(version=2),)))

    @pytest.mark.parametrize("version", [0, -1])
    def test_a_version_below_one_is_refused(self, store: SqlStore, version: int) -> None:
        with pytest.raises(StoreError, match="version below 1"):
            store.commit(Commit(states=(a_state(version=version),)))

    def test_one_conflict_among_many_undoes_all_and_is_found(self, store: SqlStore) -> None:
        first = tuple(a_state(f"m/{n}") for n in range(1200))
        store.commit(Commit(states=first))
        store.commit(Commit(states=(a_state("m/777", 2),)))
        late = Commit(
            states=tuple(a_state(f"m/{n}", 2, NOW + HOUR) for n in range(1200)),
            sources=(a_source(),),
            history=(an_entry("m/777"),),
            deliveries=(a_delivery(),),
            statements=(a_statement(),),
        )
        with pytest.raises(Conflict, match="circuit 'm/777' was to become version 2, but version 2 is stored"):
            store.commit(late)
        assert store.states() == {**{each.circuit: each for each in first}, "m/777": a_state("m/777", 2)}
        assert store.sources() == {}
        assert store.history() == []
        assert store.deliveries() == []
        assert store.statements("aws", Grain.DAY, date.min, date.max) == []

    def test_the_same_commit_again_is_a_conflict(self, store: SqlStore) -> None:
        store.commit(a_transition(1))
        store.commit(a_transition(2))
        for version in (1, 2):
            with pytest.raises(Conflict, match="production/AmazonEC2"):
                store.commit(a_transition(version))
        assert [entry.version for entry in store.history()] == [1, 2]

    # --- all or nothing ---------------------------------------------------------------------------------

    def test_a_transition_is_stored_whole(self, store: SqlStore) -> None:
        store.commit(a_transition(1))
        assert store.states() == {"production/AmazonEC2": a_state()}
        assert [entry.version for entry in store.history()] == [1]
        assert [delivery.id for delivery in store.due(NOW)] == ["production/AmazonEC2#1"]

    @pytest.mark.parametrize(
        "unwritable",
        [
            an_entry(detail={"x": float("nan")}),
            an_entry("\ud800"),
            an_entry(at=datetime(2026, 5, 4)),
        ],
    )
    def test_one_value_that_cannot_be_stored_stops_the_rest(self, store: SqlStore, unwritable: Entry) -> None:
        with pytest.raises(StoreError, match="cannot"):
            store.commit(Commit(states=(a_state(),), history=(an_entry(), unwritable)))
        assert store.states() == {}
        assert store.history() == []

    def test_a_number_beyond_64_bits_is_refused(self, store: SqlStore) -> None:
        with pytest.raises(StoreError, match="cannot hold a value"):
            store.commit(Commit(statements=(replace(a_statement(), rows=2**63),)))

    def test_an_empty_commit_is_nothing(self, store: SqlStore) -> None:
        store.commit(Commit())
        assert store.newest() is None

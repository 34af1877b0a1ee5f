"""What every store must do, whatever it is made of: subclass, and say how one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import Action, AlertKind, BreakerState, Commit, Entry, Grain, Reason, SourceState
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
    an_act,
    an_entry,
    any_of,
)

TODAY = NOW.date()
_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


class StoreContract:
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

    @pytest.mark.parametrize("circuit", ["a/%2F", "Ünïcode ☁", "x" * 10_000, "tab\tline\n", "'; DROP TABLE breakers --"])
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
    def test_another_version_than_the_next_is_a_conflict_that_names_the_row(self, store: SqlStore, version: int) -> None:
        for each in (1, 2):
            store.commit(Commit(states=(a_state(version=each),), sources=(a_source(version=each),)))
        with pytest.raises(Conflict, match="circuit 'production/AmazonEC2'.*read"):
            store.commit(Commit(states=(a_state(version=version, at=NOW + DAY),)))
        with pytest.raises(Conflict, match="source 'aws'.*read"):
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
        assert store.history() == store.deliveries() == store.statements("aws", Grain.DAY, date.min, date.max) == []

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

    # --- the ledger -------------------------------------------------------------------------------------

    def test_statements_are_those_of_the_days_and_the_grain_oldest_word_first(self, store: SqlStore) -> None:
        said = [
            a_statement(day=TODAY, said_at=NOW + HOUR, body=b"later"),
            a_statement(day=TODAY, said_at=NOW, body=b"\x00\xff" * 5000),
            a_statement(day=TODAY - DAY, said_at=NOW + 2 * HOUR, body=b""),
            a_statement(day=TODAY + DAY, body=b"after"),
            a_statement("gcp", body=b"other"),
            replace(a_statement(body=b"hours"), grain=Grain.HOUR),
        ]
        store.commit(Commit(statements=tuple(said)))
        assert store.statements("aws", Grain.DAY, TODAY - DAY, TODAY + DAY) == [said[1], said[0], said[2]]
        assert store.statements("aws", Grain.DAY, TODAY, TODAY) == []
        assert store.statements("aws", Grain.HOUR, TODAY, TODAY + DAY) == [said[5]]

    def test_statements_can_be_those_known_at_a_time(self, store: SqlStore) -> None:
        early, late = a_statement(body=b"1"), a_statement(said_at=NOW + HOUR, body=b"2")
        store.commit(Commit(statements=(early, late)))
        args = ("aws", Grain.DAY, TODAY, TODAY + DAY)
        assert store.statements(*args, said_until=NOW) == [early]
        assert store.statements(*args, said_until=NOW - timedelta(microseconds=1)) == []
        elsewhere = (NOW + HOUR).astimezone(timezone(timedelta(hours=9)))
        assert store.statements(*args, said_until=elsewhere) == [early, late]

    # --- history ----------------------------------------------------------------------------------------

    def test_history_is_the_newest_entries_oldest_first(self, store: SqlStore) -> None:
        for n in range(5):
            store.commit(Commit(history=(an_entry("a", version=n, at=NOW + n * HOUR), an_entry("b", version=n))))
        assert [entry.version for entry in store.history("a")] == [0, 1, 2, 3, 4]
        assert [entry.version for entry in store.history("a", limit=2)] == [3, 4]
        assert [entry.version for entry in store.history("a", since=NOW + 3 * HOUR)] == [3, 4]
        seqs = [entry.seq for entry in store.history()]
        assert seqs == sorted(set(seqs))
        assert len(seqs) == 10

    def test_blocks_are_counted_after_an_instant(self, store: SqlStore) -> None:
        kinds = ["blocked", "blocked", "decision", "blocked"]
        store.commit(Commit(history=tuple(an_entry(kind=kind, at=NOW + n * HOUR) for n, kind in enumerate(kinds))))
        assert store.blocks_since(NOW - HOUR) == 3
        assert store.blocks_since(NOW) == 2
        assert store.blocks_since(NOW + 3 * HOUR) == 0

    def test_newest_is_the_latest_judgement_of_any_kind(self, store: SqlStore) -> None:
        store.commit(Commit(history=(an_entry(at=NOW),)))
        assert store.newest() == NOW
        store.commit(Commit(sources=(a_source(last_attempt=NOW + HOUR),)))
        assert store.newest() == NOW + HOUR
        store.commit(Commit(statements=(a_statement(said_at=NOW + 2 * HOUR),)))
        store.commit(Commit(history=(an_entry(at=NOW - DAY),)))
        assert store.newest() == NOW + 2 * HOUR

    # --- the outbox -------------------------------------------------------------------------------------

    def test_due_are_the_owed_whose_next_try_has_come_oldest_first(self, store: SqlStore) -> None:
        store.commit(
            Commit(
                deliveries=(
                    a_delivery("young", owed_at=NOW),
                    a_delivery("old", owed_at=NOW - HOUR),
                    a_delivery("waits", next_try=NOW + HOUR),
                    a_delivery("again", owed_at=NOW - DAY, next_try=NOW),
                    a_delivery("sent", state="sent"),
                )
            )
        )
        assert [each.id for each in store.due(NOW)] == ["again", "old", "young"]
        assert [each.id for each in store.due(NOW, limit=2)] == ["again", "old"]
        assert [each.id for each in store.due(NOW + HOUR)] == ["again", "old", "young", "waits"]

    def test_the_same_message_twice_is_one(self, store: SqlStore) -> None:
        store.commit(Commit(deliveries=(a_delivery(),)))
        sent = replace(a_delivery(), state="sent", attempts=1, sent_at=NOW)
        store.record_try(sent)
        store.commit(Commit(deliveries=(a_delivery(), a_delivery("other"), a_delivery("other")), history=(an_entry(),)))
        assert {each.id: each.state for each in store.deliveries()} == {"msg-1": "sent", "other": "owed"}
        assert len(store.history()) == 1

    def test_what_became_of_a_delivery_is_remembered(self, store: SqlStore) -> None:
        store.commit(Commit(deliveries=(a_delivery(),)))
        failed = replace(a_delivery(), attempts=1, next_try=NOW + HOUR, error="503", plain=True, channel="pager")
        store.record_try(failed)
        assert store.due(NOW) == []
        assert store.due(NOW + HOUR) == [failed]
        sent = replace(failed, attempts=2, state="sent", sent_at=NOW + HOUR, next_try=None, error=None)
        store.record_try(sent)
        assert store.due(NOW + DAY) == []
        assert store.deliveries("sent") == [sent]
        assert store.deliveries("owed") == []

    def test_deliveries_are_the_newest_oldest_first(self, store: SqlStore) -> None:
        store.commit(Commit(deliveries=tuple(a_delivery(f"d{n}", owed_at=NOW + n * HOUR) for n in range(5))))
        assert [each.id for each in store.deliveries(limit=3)] == ["d2", "d3", "d4"]

    def test_a_delivery_that_is_not_there_cannot_be_tried(self, store: SqlStore) -> None:
        with pytest.raises(StoreError, match="no delivery 'ghost'"):
            store.record_try(a_delivery("ghost"))

    # --- acts -------------------------------------------------------------------------------------------

    def test_acts_are_added_ended_and_counted(self, store: SqlStore) -> None:
        later = an_act("act-2", at=NOW + HOUR, until=NOW + DAY, amount=Decimal("12.50"), action=None, kind="expect")
        store.add_act(later)
        store.add_act(an_act())
        assert store.acts() == [an_act(), later]
        assert store.acts_version() == 2
        store.end_act("act-1", NOW + HOUR)
        assert store.acts_version() == 3
        assert store.acts()[0] == an_act(ended_at=NOW + HOUR)

    def test_live_acts_are_those_that_hold_then(self, store: SqlStore) -> None:
        store.add_act(an_act("a", until=NOW + HOUR))
        store.add_act(an_act("b", at=NOW + HOUR))
        store.add_act(an_act("c"))
        store.end_act("c", NOW + 2 * HOUR)
        assert [act.id for act in store.acts(NOW)] == ["a", "c"]
        assert [act.id for act in store.acts(NOW + HOUR)] == ["c", "b"]
        assert [act.id for act in store.acts(NOW + DAY)] == ["b"]

    def test_an_act_repeated_is_one_and_another_with_its_id_is_refused(self, store: SqlStore) -> None:
        store.add_act(an_act())
        store.add_act(an_act())
        assert store.acts_version() == 1
        with pytest.raises(Conflict, match="another act 'act-1'"):
            store.add_act(an_act(action=Action.ALLOW))
        store.end_act("act-1", NOW)
        store.end_act("act-1", NOW + DAY)
        assert store.acts_version() == 2
        assert store.acts() == [an_act(ended_at=NOW)]

    def test_an_unknown_act_cannot_be_ended(self, store: SqlStore) -> None:
        with pytest.raises(StoreError, match="no act 'ghost'"):
            store.end_act("ghost", NOW)
        assert store.acts_version() == 0

    # --- upkeep -----------------------------------------------------------------------------------------

    def test_forgotten_circuits_keep_their_history(self, store: SqlStore) -> None:
        store.commit(a_transition(1))
        store.commit(Commit(states=(a_state("sandbox"),)))
        store.forget(["production/AmazonEC2", "never heard of"])
        assert set(store.states()) == {"sandbox"}
        assert len(store.history("production/AmazonEC2")) == 1
        store.commit(Commit(states=(a_state(),)))
        assert set(store.states()) == {"sandbox", "production/AmazonEC2"}

    def test_prune_takes_what_is_old_and_done_and_nothing_else(self, store: SqlStore) -> None:
        old, limit = NOW - 400 * DAY, NOW - 30 * DAY
        store.commit(
            Commit(
                states=(a_state(at=old),),
                sources=(a_source(last_attempt=old),),
                statements=(a_statement(day=old.date(), said_at=NOW), a_statement(day=limit.date(), said_at=old)),
                history=tuple(an_entry(at=old) for _ in range(2500)) + (an_entry(at=limit),),
                deliveries=(
                    a_delivery("sent", owed_at=old, state="sent"),
                    a_delivery("dead", owed_at=old, state="failed"),
                    a_delivery("owed", owed_at=old),
                    a_delivery("new", state="sent"),
                ),
            )
        )
        store.add_act(an_act("expired", at=old, until=old + DAY))
        store.add_act(an_act("ended", at=old))
        store.end_act("ended", old + DAY)
        store.add_act(an_act("live", at=old))
        store.add_act(an_act("live until", at=old, until=NOW))
        assert store.prune(limit) == 1 + 2500 + 2 + 2
        assert [each.day for each in store.statements("aws", Grain.DAY, date.min, date.max)] == [limit.date()]
        assert [entry.at for entry in store.history(limit=9999)] == [limit]
        assert {each.id for each in store.deliveries()} == {"owed", "new"}
        assert {act.id for act in store.acts()} == {"live", "live until"}
        assert store.states() == {"production/AmazonEC2": a_state(at=old)}
        assert store.sources() == {"aws": a_source(last_attempt=old)}
        assert store.prune(limit) == 0

    def test_numbers_of_history_are_never_given_twice(self, store: SqlStore) -> None:
        store.commit(Commit(history=(an_entry(), an_entry())))
        store.prune(NOW + DAY)
        store.commit(Commit(history=(an_entry(at=NOW + 2 * DAY),)))
        assert [entry.seq for entry in store.history()] == [3]

    def test_a_time_without_a_zone_is_refused(self, store: SqlStore) -> None:
        naive = datetime(2026, 5, 4)
        for ask in (store.due, store.blocks_since, store.prune):
            with pytest.raises(StoreError, match="no time zone"):
                ask(naive)
        assert store.due(NOW.astimezone(UTC)) == []

    def test_a_backup_is_a_state(self, store: SqlStore, tmp_path: Path) -> None:
        store.commit(a_transition(1))
        store.add_act(an_act())
        target = tmp_path / "backup.db"
        store.backup(target)
        store.commit(a_transition(2))
        copy = self.open_copy(target)
        assert copy.states() == {"production/AmazonEC2": a_state()}
        assert copy.acts() == [an_act()]
        assert copy.epoch == store.epoch
        copy.close()

    def open_copy(self, target: Path) -> SqlStore:
        from cloudcircuit.stores import open_store

        return open_store(target, create=False)

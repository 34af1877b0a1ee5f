"""What every store must do, whatever it is made of: subclass, and say how one is opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.errors import Conflict, StoreError
from cloudcircuit.model import Action, Commit, Grain
from cloudcircuit.stores import SqlStore
from tests.stores.contract_commits import CommitContract
from tests.stores.contract_meter import MeterContract
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
)

TODAY = NOW.date()


class StoreContract(CommitContract, MeterContract):
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
                history=(*(an_entry(at=old) for _ in range(2500)), an_entry(at=limit)),
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

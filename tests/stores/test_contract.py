"""The contract, over each store there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloudcircuit.ports import Publisher, Store
from cloudcircuit.stores import FilePublisher, SqlStore, memory_store, open_store
from tests.stores.contract import StoreContract
from tests.stores.examples import a_transition


class TestFile(StoreContract):
    def open(self, folder: Path) -> SqlStore:
        return open_store(folder / "state.db")


class TestMemory(StoreContract):
    def open(self, folder: Path) -> SqlStore:
        return memory_store()


def test_they_are_what_the_ports_ask_for(tmp_path: Path) -> None:
    store: Store = memory_store()
    publisher: Publisher = FilePublisher(tmp_path / "decisions.json")
    assert store.newest() is None
    assert publisher is not None
    store.close()


def test_memory_is_shared_by_threads_and_by_nobody_else() -> None:
    store, other = memory_store(), memory_store()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store.commit(a_transition(1, f"m/{n}")), range(40)))
    assert len(store.states()) == 40
    assert other.states() == {}
    assert store.epoch != other.epoch
    assert store.path is None
    store.acquire("replay")
    store.close()
    other.close()

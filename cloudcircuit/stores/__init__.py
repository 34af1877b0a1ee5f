"""Where the state is kept (SQLAlchemy Core over SQLite), and where decisions are published for other processes.

The names load on first use: a program that only reads published decisions does not load SQLAlchemy.
"""

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` for it would cost more than the rest
if TYPE_CHECKING:
    from cloudcircuit.stores.lock import lock_holder
    from cloudcircuit.stores.opening import memory_store, open_store
    from cloudcircuit.stores.published import FilePublisher, Published, read_published
    from cloudcircuit.stores.store import SqlStore

__all__ = ["FilePublisher", "Published", "SqlStore", "lock_holder", "memory_store", "open_store", "read_published"]

# Where each name lives.
_HOMES = {
    "FilePublisher": "published",
    "Published": "published",
    "SqlStore": "store",
    "lock_holder": "lock",
    "memory_store": "opening",
    "open_store": "opening",
    "read_published": "published",
}

if not TYPE_CHECKING:  # hidden from type checkers, which would accept any misspelt name otherwise

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value

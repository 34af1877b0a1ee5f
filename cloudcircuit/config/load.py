"""From a file to a Config: everything that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudcircuit.config import checks, resolve
from cloudcircuit.config.fields import Known
from cloudcircuit.config.files import CONFIG_SIZE, Unreadable, decode, parse_toml, read_bytes
from cloudcircuit.config.reading import Reading
from cloudcircuit.config.schema import (
    NOTIFIERS,
    TABLES,
    ConsoleTable,
    DaemonTable,
    DefaultsTable,
    FxTable,
    MonitorTable,
)
from cloudcircuit.config.sources import FindPlugin, read_source
from cloudcircuit.config.text import Key, meant, quoted
from cloudcircuit.config.values import Config, SourceConfig
from cloudcircuit.errors import ConfigError, Problem
from cloudcircuit.model import Fx, Monitor

_TOP = (*TABLES, "notifiers")
_NAMED = {
    "sources": 'a place that spend comes from: [sources.NAME] with adapter = "focus"',
    "notifiers": 'a channel that alerts go to: [notifiers.NAME] with type = "console"',
    "monitors": "a question about spend: [monitors.NAME] with budget = { … }",
}


def load(path: Path, plugin: FindPlugin) -> Config:
    """The configuration in a file. `plugin` gives an adapter by its name, or raises ConfigError.

    Raises ConfigError with all problems at once.
    """
    file = path.absolute()
    try:
        content = read_bytes(file, CONFIG_SIZE)
        text = decode(content)
    except Unreadable as error:
        problem = Problem("", f"the configuration {error}")
    else:
        return _Load(file, content, parse_toml(text, str(path)), plugin).config(str(path))
    raise ConfigError((problem,), str(path))


class _Load:
    """One load: its parts share the tree, and the reading that gathers problems."""

    def __init__(self, file: Path, content: bytes, tree: dict[str, Any], plugin: FindPlugin) -> None:
        self.file = file
        self.tree = tree
        self.plugin = plugin
        known = Known(frozenset(_names(tree, "sources")), frozenset(_names(tree, "notifiers")))
        self.reading = Reading(file.parent, known)
        self.reading.digest.update(content)

    def config(self, shown: str) -> Config:
        self._top()
        sources = self._sources()
        tables = self._notifiers()
        everyone = resolve.listeners(tables)
        daemon = self.reading.table(DaemonTable, self.tree.get("daemon", {}), ("daemon",))
        fx = self._fx()
        monitors = self._monitors(sources, everyone, fx, daemon)
        for source in sources.values():
            self.reading.problems.extend(checks.check_support(source, monitors))
        if self.reading.problems or daemon is None:
            raise ConfigError(tuple(dict.fromkeys(self.reading.problems)), shown)
        return Config(
            file=self.file,
            root=self.reading.root,
            daemon=resolve.daemon(daemon, everyone, self.reading),
            sources=sources,
            monitors=tuple(monitors),
            notifiers={name: resolve.notifier(name, table, self.reading) for name, table in tables.items() if table},
            fx=fx,
            digest=self.reading.digest.hexdigest(),
        )

    def _top(self) -> None:
        for word in self.tree:
            if word not in _TOP:
                self.reading.problem((word,), f"unknown key{meant(word, _TOP)}")

    def _named(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The tables of a kind, each with its name; what is no table is noted."""
        tables = self.tree.get(kind, {})
        if not isinstance(tables, dict):
            self.reading.problem((kind,), f"must be tables, each with its name: [{kind}.NAME]")
            return
        if not tables:
            self.reading.problem((kind,), f"missing: {_NAMED[kind]}")
        for name, table in tables.items():
            key: Key = (kind, name)
            self.reading.name(name, key)
            if isinstance(table, dict):
                yield name, table
            else:
                self.reading.problem(key, f"must be a table, with its name before it: [{kind}.NAME]")

    def _sources(self) -> dict[str, SourceConfig]:
        found = {name: read_source(name, raw, self.plugin, self.reading) for name, raw in self._named("sources")}
        return {name: source for name, source in found.items() if source}

    def _notifiers(self) -> dict[str, ConsoleTable | None]:
        found = {name: self._notifier(name, raw) for name, raw in self._named("notifiers")}
        self.reading.problems.extend(checks.check_fallbacks(found))
        return found

    def _notifier(self, name: str, raw: dict[str, Any]) -> ConsoleTable | None:
        key: Key = ("notifiers", name)
        kind = raw.get("type")
        model = NOTIFIERS.get(kind) if isinstance(kind, str) else None
        if model is not None:
            return self.reading.table(model, raw, key)
        wrong = f"unknown word {quoted(kind)}{meant(kind, NOTIFIERS)}" if isinstance(kind, str) else ""
        choice = f"must be one of {', '.join(quoted(word) for word in NOTIFIERS)}"
        self.reading.problem((*key, "type"), wrong or choice)
        return None

    def _fx(self) -> tuple[Fx, ...]:
        lines = self.tree.get("fx", [])
        if not isinstance(lines, list):
            self.reading.problem(("fx",), "must be a list of tables: [[fx]]")
            return ()
        tables = [self.reading.table(FxTable, raw, ("fx", at)) for at, raw in enumerate(lines)]
        if None in tables:
            return ()
        fx = tuple(resolve.fx(table) for table in tables if table)
        self.reading.problems.extend(checks.check_fx(fx))
        return fx

    def _monitors(
        self,
        sources: dict[str, SourceConfig],
        everyone: tuple[str, ...],
        fx: tuple[Fx, ...],
        daemon: DaemonTable | None,
    ) -> list[Monitor]:
        defaults = self._defaults()
        names = tuple(_names(self.tree, "sources"))
        found = []
        for name, raw_monitor in self._named("monitors"):
            own = self.reading.table(MonitorTable, raw_monitor, ("monitors", name))
            if own is None or defaults is None:
                continue
            monitor = resolve.monitor(name, own, defaults, names, everyone, self.reading)
            if monitor is None:
                continue
            found.append(monitor)
            written = checks.Written(name, own, defaults)
            self.reading.problems.extend(checks.check_monitor(monitor, written, sources, fx))
            if daemon:
                self.reading.problems.extend(checks.check_keep(daemon.keep, monitor, sources))
        return found

    def _defaults(self) -> DefaultsTable | None:
        raw = self.tree.get("defaults", {})
        misplaced = [word for word in MonitorTable.ITS_OWN if isinstance(raw, dict) and word in raw]
        for word in misplaced:
            self.reading.problem(("defaults", word), "belongs to a monitor: [monitors.NAME]")
        if misplaced:
            raw = {word: raw[word] for word in raw if word not in misplaced}
        return self.reading.table(DefaultsTable, raw, ("defaults",))


def _names(tree: dict[str, Any], kind: str) -> list[str]:
    tables = tree.get(kind)
    return list(tables) if isinstance(tables, dict) else []

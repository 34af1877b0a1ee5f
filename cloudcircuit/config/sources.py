"""The tables of sources: our keys, and beside them the options of the adapter that they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudcircuit.config.reading import Reading
from cloudcircuit.config.schema import SourceTable
from cloudcircuit.config.text import Key, meant
from cloudcircuit.config.values import SourceConfig
from cloudcircuit.config.words import keys_of
from cloudcircuit.errors import ConfigError
from cloudcircuit.ports import AdapterPlugin

FindPlugin = Callable[[str], AdapterPlugin]
"""The plugin registry: raises ConfigError for an adapter that is not installed, or broken."""

_RESERVED = frozenset({"configuration", "daemon"})
"""Alerts about the configuration and the daemon carry these names where others carry a source's."""


def read_source(name: str, raw: Mapping[str, Any], find: FindPlugin, reading: Reading) -> SourceConfig | None:
    """One source, or None when it has problems, which are noted."""
    key: Key = ("sources", name)
    if name in _RESERVED:
        reading.problem(key, "this name is taken: alerts use it for themselves")
    ours = set(keys_of(SourceTable))
    adapter = raw.get("adapter")
    plugin = _find(adapter, find, reading, (*key, "adapter")) if isinstance(adapter, str) and adapter else None
    if plugin is None:  # what stands beside may be options of the adapter that we do not have
        reading.table(SourceTable, {word: raw[word] for word in raw if word in ours}, key)
        return None
    options = set(keys_of(plugin.options))
    for word in raw:
        if word not in ours | options:
            reading.problem((*key, word), f"unknown key{meant(word, sorted(ours | options))}")
    for word in sorted(ours & options):
        reading.problem((*key, word), f"the adapter {plugin.name} is broken: it has an option of this name, too")
    table = reading.table(SourceTable, {word: raw[word] for word in raw if word in ours}, key)
    if table and plugin.cuts_days and "timezone" in table.model_fields_set and table.timezone != plugin.timezone:
        reading.problem((*key, "timezone"), f"{plugin.name} tells days of {plugin.timezone} alone: leave timezone out")
    chosen = reading.table(plugin.options, {word: raw[word] for word in raw if word in options}, key)
    return _source(name, table, plugin, chosen) if table and chosen is not None else None


def _find(adapter: str, find: FindPlugin, reading: Reading, key: Key) -> AdapterPlugin | None:
    try:
        return find(adapter)
    except ConfigError as error:
        for problem in error.problems:
            reading.problem(key, problem.message)
        return None


def _source(name: str, table: SourceTable, plugin: AdapterPlugin, options: Any) -> SourceConfig:
    return SourceConfig(
        name=name,
        adapter=table.adapter,
        plugin=plugin,
        options=options,
        every=table.every,
        lag=table.lag,
        zone=table.timezone if "timezone" in table.model_fields_set else plugin.timezone,
        timeout=table.timeout,
        grain=table.grain,
        restated_share=table.restated_share,
    )

"""What a configuration comes to, once every word of it has been understood: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cloudcircuit.model import Fx, Grain, Monitor, Secret, Severity
from cloudcircuit.ports import AdapterPlugin


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """What concerns the daemon as a whole. `channels` get the events of sources and of the daemon itself."""

    state: Path
    keep: timedelta
    max_blocks_per_hour: int
    link: str | None
    log: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One place that spend comes from: `plugin.open(options, context)` opens it."""

    name: str
    adapter: str
    plugin: AdapterPlugin
    options: Any
    every: timedelta
    lag: timedelta
    zone: str
    timeout: timedelta
    grain: Grain
    restated_share: float


@dataclass(frozen=True, slots=True)
class NotifierConfig:
    """One channel. `url` and `secret` are read at use; `fallback` takes over when the channel is dead."""

    name: str
    type: str
    url: Secret | None
    secret: Secret | None
    min_severity: Severity
    fallback: str | None
    allow_http: bool


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration.

    `root` is the folder of the file: relative paths begin there. `digest` is a SHA-256 over the file and the owners
    tables that it names: it changes when a reload would.
    """

    file: Path
    root: Path
    daemon: DaemonConfig
    sources: Mapping[str, SourceConfig]
    monitors: tuple[Monitor, ...]
    notifiers: Mapping[str, NotifierConfig]
    fx: tuple[Fx, ...]
    digest: str

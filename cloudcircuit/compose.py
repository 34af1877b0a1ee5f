"""Builds what a configuration describes: store, sources, notifiers, outbox. Daemon, commands and web share it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from cloudcircuit.clock import Deadline, SystemClock
from cloudcircuit.config import Config, NotifierConfig, SourceConfig, secret
from cloudcircuit.errors import AdapterError, ConfigError
from cloudcircuit.model import ChannelRule, Secret
from cloudcircuit.notifiers import ConsoleNotifier, SlackNotifier, WebhookNotifier
from cloudcircuit.ports import AdapterContext, Clock, CostAdapter, Meter, Notifier, Store, one_for_all
from cloudcircuit.service.deliver import Outbox
from cloudcircuit.service.house import House, Source
from cloudcircuit.service.meter import StoreMeter
from cloudcircuit.stores import open_store
from cloudcircuit.stores.published import FilePublisher


@dataclass(frozen=True, slots=True)
class Opened:
    """A configuration, come to life. Close it when done."""

    config: Config
    house: House
    outbox: Outbox

    @property
    def store(self) -> Store:
        return self.house.store

    def open_publisher(self) -> FilePublisher:
        """Where decisions are published. Only the holder of the daemon's lock may: two spoil each other's files."""
        return FilePublisher(published_path(self.config.daemon.state), self.store.epoch)

    def close(self) -> None:
        self.house.store.close()


def open_house(config: Config, *, stdout: TextIO, clock: Clock | None = None, create: bool = True) -> Opened:
    """Open the state and build everything around it. `clock` drives judgements; sockets and outbox stay in real time.

    Raises StoreError when the state cannot be opened; `create=False` refuses to begin a new one.
    """
    return assemble(config, open_store(config.daemon.state, create=create), stdout=stdout, clock=clock)


def assemble(config: Config, store: Store, *, stdout: TextIO, clock: Clock | None = None) -> Opened:
    """Build everything around a store that is already open (a reload keeps the one it has)."""
    real = SystemClock()
    rules = {name: ChannelRule(name, n.min_severity, n.fallback) for name, n in config.notifiers.items()}
    house = House(
        store=store,
        sources={
            name: source(config, spec, clock or real, StoreMeter(store, name, real))
            for name, spec in config.sources.items()
        },
        monitors=config.monitors,
        rules=rules,
        deadline=Deadline,
        house_channels=config.daemon.channels,
        max_blocks_per_hour=config.daemon.max_blocks_per_hour,
        link=config.daemon.link,
        fx=config.fx,
    )
    outbox = Outbox(store, notifiers(config, stdout, real), rules, real, jitter=random.random)
    return Opened(config, house, outbox)


def published_path(state: Path) -> Path:
    """Where the decisions are published, beside the state."""
    return state.with_name(f"{state.stem}.decisions.json")


def source(config: Config, spec: SourceConfig, clock: Clock, meter: Meter) -> Source:
    """A source that reads as of `clock`, and counts its calls on `meter` before it makes them."""
    return Source(
        name=spec.name,
        open=_opener(config, spec, clock, meter),
        zone=ZoneInfo(spec.zone),
        grain=spec.grain,
        lag=spec.lag,
        every=spec.every,
        timeout=spec.timeout.total_seconds(),
        restated_share=spec.restated_share,
        split=None if spec.plugin.split is one_for_all else partial(spec.plugin.split, spec.options),
        unsupported=partial(spec.plugin.unsupported, spec.options),
        scope=spec.plugin.scope(spec.options),
        digest=sha256(f"{spec.adapter} {spec.options!r}".encode()).hexdigest()[:16],
    )


def _opener(config: Config, spec: SourceConfig, clock: Clock, meter: Meter) -> Callable[[], CostAdapter]:
    context = AdapterContext(
        source=spec.name,
        clock=clock,
        lag=spec.lag,
        root=config.root,
        meter=meter,
        secret=partial(_secret_of, spec.name, config.root),
    )
    return partial(spec.plugin.open, spec.options, context)


def _secret_of(source: str, root: Path, reference: str) -> Secret:
    """A secret of a source. `reveal` raises AdapterError, which names source and reference, when it is not there."""
    found = secret(reference, root, key=f"sources.{source}")

    def reveal() -> str:
        try:
            return found.reveal()
        except ConfigError as error:
            raise AdapterError("; ".join(map(str, error.problems)), permanent=True) from error

    return Secret(reference, reveal)


def notifiers(config: Config, stdout: TextIO, clock: Clock) -> dict[str, Notifier]:
    return {name: notifier(spec, stdout, clock) for name, spec in config.notifiers.items()}


def notifier(spec: NotifierConfig, stdout: TextIO, clock: Clock) -> Notifier:
    if spec.type == "slack" and spec.url is not None:
        return SlackNotifier(spec.name, spec.url, clock)
    if spec.type == "webhook" and spec.url is not None:
        return WebhookNotifier(spec.name, spec.url, spec.secret, clock, allow_http=spec.allow_http)
    return ConsoleNotifier(spec.name, stdout)

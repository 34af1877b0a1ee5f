"""Bills with a known past, and their replay: the clouds of the cycle's tests, read as a backtest reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloudcircuit.model import Act, AnomalyPolicy, Monitor, Probe
from cloudcircuit.ports import Deadline, Store
from cloudcircuit.service.backtest.replay import Library, Progress, Span, backtest, moments, wanted
from cloudcircuit.service.backtest.result import Alert, Backtest, CircuitHistory
from cloudcircuit.service.backtest.tape import Tape
from cloudcircuit.service.house import House
from cloudcircuit.stores import memory_store
from tests.service.world import Cloud, a_house, day, watching

MUCH_LATER = day(400)
SPIKES = AnomalyPolicy(method="spike", lookback=14)


class Bill(Cloud):
    """A cloud that says since when it has charges, as a file does."""

    def probe(self, deadline: Deadline) -> Probe:
        starts = [charge.start for charge in self.charges]
        return Probe(oldest=min(starts, default=None), newest=max(starts, default=None))


def a_bill(days: int = 60, **unusual: float) -> Bill:
    """100 a day of EC2, other amounts on the days that are named (`d25=300`)."""
    bill = Bill()
    for number in range(days):
        bill.spend(number, unusual.get(f"d{number}", 100))
    return bill


def spiky(name: str = "m", **settings: object) -> Monitor:
    return watching(name, **{"anomaly": SPIKES, **settings})


def replayed(
    monitors: Monitor | Sequence[Monitor],
    bill: Bill,
    *,
    state: Store | None = None,
    digests: Mapping[str, str] | None = None,
    acts: Sequence[Act] = (),
    start: int | None = None,
    end: int | None = None,
    now: datetime = MUCH_LATER,
    house: House | None = None,
    progress: Progress = lambda *_: None,
) -> Backtest:
    """A backtest of these monitors on a bill; `start` and `end` are days, `state` one with a ledger, which sources with
    these `digests` wrote.
    """
    found = [monitors] if isinstance(monitors, Monitor) else list(monitors)
    house = house or a_house(*found, store=Tape(), aws=bill)
    span = Span(None if start is None else day(start), None if end is None else day(end), now)
    library = Library(state or memory_store(), {"aws": ""} if digests is None else digests)
    histories = library.learn(replace(house, store=Tape()), wanted([house], span))
    when = moments([histories], house.monitors, span)
    return backtest(house, histories, acts, when, config="c.toml", progress=progress)


def told(result: Backtest) -> list[tuple[datetime, str, str]]:
    return [(alert.at, alert.kind.value, alert.subject) for alert in result.alerts]


def circuit(result: Backtest, name: str = "m") -> CircuitHistory:
    (found,) = [each for each in result.circuits if each.circuit == name]
    return found


def before(alerts: Sequence[Alert], at: datetime) -> list[Alert]:
    return [alert for alert in alerts if alert.at < at]

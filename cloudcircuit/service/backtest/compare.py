"""Two configurations on the same history: which runs both tell, which only one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudcircuit.service.backtest.result import Backtest, Comparison, Pair, Run


def compare(ours: Backtest, theirs: Backtest) -> Comparison:
    """Runs of the same circuit that overlap in time are the same; each is in one pair, the oldest first."""
    left = {circuit: list(runs) for circuit, runs in _told(theirs).items()}
    pairs: list[Pair] = []
    alone: list[Run] = []
    for circuit, runs in _told(ours).items():
        for run in runs:
            match = next((other for other in left.get(circuit, []) if _overlap(run, other)), None)
            if match is None:
                alone.append(run)
                continue
            left[circuit].remove(match)
            pairs.append(Pair(run, match, _days_earlier(run, match)))
    rest = (run for runs in left.values() for run in runs)
    return Comparison(ours, theirs, _by_time(alone), _by_time(rest), tuple(sorted(pairs, key=lambda p: _age(p.ours))))


def _told(result: Backtest) -> Mapping[str, list[Run]]:
    """The runs of each circuit that were told, by an alert of its own or of its incident."""
    return {each.circuit: [run for run in each.runs if run.alerted_at is not None] for each in result.circuits}


def _overlap(one: Run, other: Run) -> bool:
    return one.since <= other.through and other.since <= one.through


def _days_earlier(ours: Run, theirs: Run) -> float | None:
    if ours.alerted_at is None or theirs.alerted_at is None:
        return None
    return (ours.alerted_at - theirs.alerted_at).total_seconds() / 86_400


def _by_time(runs: Iterable[Run]) -> tuple[Run, ...]:
    return tuple(sorted(runs, key=_age))


def _age(run: Run) -> tuple[object, ...]:
    return run.since, run.circuit

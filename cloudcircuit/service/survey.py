"""The detector asked about all circuits of a monitor at once, period by period."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cloudcircuit.engine.breaker import REMEMBERED, Look, may_alarm, newly_settled
from cloudcircuit.engine.lookout import Watched, failing, question_of, usual_spend
from cloudcircuit.engine.seasonal import Answers, Bools, Surprise, accepted, ask
from cloudcircuit.engine.series import Periods
from cloudcircuit.model import BreakerState

CHUNK = 8192
"""Circuits that are asked about together: what the detector remembers of so many stays small."""


OPEN = 48
"""Periods that are known and have not settled, of which the newest so many may raise an alarm: each is a question."""


@dataclass(slots=True)
class Survey:
    """What the detector says of the periods that are to be judged, by their index and the circuits' places."""

    answers: list[Mapping[int, Answers]] = field(default_factory=list)

    def look(self, place: int) -> Look:
        """What is said of the periods of one circuit."""
        answers, row = self.answers[place // CHUNK], place % CHUNK

        def surprise(_state: BreakerState, index: int) -> Surprise | None:
            return answers[index].of(row) if index in answers else None

        return surprise


def survey(watch: Watched, held: Container[str] = ()) -> Survey:
    """Ask about every period that any of these circuits has not judged yet, oldest first; `held` ones are not judged.

    What is accepted for a whole channel is shared out among all of them before they are asked in chunks.
    """
    indexes = due([state for state in watch.states if state.circuit not in held], watch.periods)
    if indexes and watch.monitor.anomaly is not None:
        spend = usual_spend(watch.values, indexes[-1])
        watch = replace(watch, false_alerts=accepted(watch.monitor.anomaly, spend, watch.peers))
    found = Survey()
    for start in range(0, len(watch.states), CHUNK):
        rows = slice(start, start + CHUNK)
        part = replace(
            watch,
            values=watch.values[rows],
            states=watch.states[rows],
            planned=watch.planned[rows],
            false_alerts=None if watch.false_alerts is None else watch.false_alerts[rows],
        )
        found.answers.append(_ask_in_order(part, indexes))
    return found


def due(states: Sequence[BreakerState], periods: Periods) -> list[int]:
    """The periods that some circuit has not judged, or that may still raise an alarm."""
    newest = periods.newest_known
    if newest is None:
        return []
    kinds = {(s.judged_through, s.skipped, s.provisional): s for s in states}
    recent = [i for i in periods.open_at[-OPEN:] if newest - periods.starts[i] <= REMEMBERED]
    settled = {i for state in kinds.values() for i in newly_settled(state, periods)}
    first = any(state.judged_through is None for state in kinds.values())
    alarming = {i for i in recent if first or any(may_alarm(s, periods.starts[i]) for s in kinds.values())}
    return sorted(settled | alarming)


def _ask_in_order(watched: Watched, indexes: Sequence[int]) -> dict[int, Answers]:
    """What fails on one period is not learned from for the next, as if each had been judged in a cycle of its own."""
    answers: dict[int, Answers] = {}
    failed: dict[int, Bools] = {}
    least = float(watched.monitor.min_impact)
    for index in indexes:
        question = question_of(watched, index)
        for before, rows in failed.items():
            question.out[:, before] |= rows
        answers[index] = ask(question)
        if watched.periods.settled[index]:
            value = np.nan_to_num(watched.values[:, index]) - question.announced
            rows = failing(answers[index].found, value, answers[index].columns["expected"], least)
            failed[index] = _newly(rows, watched, index)
    return answers


def _newly(failed: Bools, watched: Watched, index: int) -> Bools:
    """Of what fails, the circuits for which the period is news: the others' states say what stays out."""
    at, rows = watched.periods.starts[index], failed.copy()
    for row in np.flatnonzero(failed).tolist():
        state = watched.states[row]
        through = state.judged_through
        rows[row] = through is None or at > through or at in state.skipped
    return rows

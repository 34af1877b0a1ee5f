"""A backtest as JSON: values by column, so that a year of many circuits stays small and loads into a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from cloudcircuit.service.backtest.result import (
    Advice,
    Backtest,
    BudgetPoint,
    CircuitHistory,
    Comparison,
    Point,
    Status,
)


def as_document(result: Backtest | Comparison, advice: Advice | None = None) -> dict[str, Any]:
    """What `backtest --json` prints; values are left as they are, for `plain` to write."""
    more = {} if advice is None else {"advice": advice}
    if isinstance(result, Comparison):
        return {
            "ours": _document(result.ours),
            "theirs": _document(result.theirs),
            "only_ours": result.only_ours,
            "only_theirs": result.only_theirs,
            "both": result.both,
            **more,
        }
    return _document(result) | more


def _document(result: Backtest) -> dict[str, Any]:
    return {
        "config": result.config,
        "start": result.start,
        "end": result.end,
        "warm_up": result.warm_up,
        "hindsight": result.hindsight,
        "sources": result.sources,
        "summary": result.summary,
        "alerts": result.alerts,
        "circuits": [_circuit(circuit) for circuit in result.circuits],
    }


def _circuit(circuit: CircuitHistory) -> dict[str, Any]:
    return {
        "circuit": circuit.circuit,
        "monitor": circuit.monitor,
        "currency": circuit.currency,
        "grain": circuit.grain,
        "points": _columns(Point, circuit.points),
        "budgets": _columns(BudgetPoint, circuit.budgets),
        "statuses": _columns(Status, circuit.statuses),
        "runs": circuit.runs,
        "blocks": circuit.blocks,
    }


def _columns(kind: type[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}

"""What wrong adapters are made of. Each is caught by the test of the contract that it is entered for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudcircuit.charges import Charge
from cloudcircuit.model import (
    SpendQuery,
)
from cloudcircuit.ports import Deadline, SpendReport
from tests.conformance.contracts import WideContract
from tests.conformance.memory import MemorySource, make

NOW = WideContract.now


@dataclass(frozen=True)
class Mutant:
    """A wrong adapter, the test that must fail on it, and words of what it then says."""

    test: str
    words: str
    source: type[MemorySource] = MemorySource
    base: type[WideContract] = WideContract
    parts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.source.__name__ if self.source is not MemorySource else "_".join([*self.parts, *self.settings])

    @property
    def contract(self) -> type[WideContract]:
        return type("Wrong", (self.base,), {"plugin": make(self.source, **self.parts), **self.settings})


MUTANTS: list[Mutant] = []


def caught(test: str, words: str, base: type[WideContract] = WideContract, **settings: Any) -> Callable[[Any], Any]:
    """Enters a wrong source into the list."""

    def enter(source: type[MemorySource]) -> type[MemorySource]:
        MUTANTS.append(Mutant(test, words, source, base, settings=settings))
        return source

    return enter


def wrong(test: str, words: str, base: type[WideContract] = WideContract, **parts: Any) -> None:
    """Enters a plugin into the list one part of which is wrong."""
    MUTANTS.append(Mutant(test, words, base=base, parts=parts))


class Retold(MemorySource):
    """Tells other rows than there are."""

    def rows(self, charges: Iterable[Charge], query: SpendQuery) -> Iterable[Charge]:
        return self.retell(list(super().rows(charges, query)), query)

    def retell(self, rows: list[Charge], query: SpendQuery) -> Iterable[Charge]:
        return rows


class Reported(MemorySource):
    """Says other things than it knows."""

    def fetch(self, query: SpendQuery, deadline: Deadline) -> SpendReport:
        return self.reword(super().fetch(query, deadline), query)

    def reword(self, report: SpendReport, query: SpendQuery) -> SpendReport:
        return report

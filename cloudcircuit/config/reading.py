"""One reading of a configuration: where it is, which names it has, and the problems found so far."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cloudcircuit.config.fields import Known, check_name
from cloudcircuit.config.text import Key, path_of
from cloudcircuit.config.words import explain
from cloudcircuit.errors import Problem

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class Reading:
    root: Path
    known: Known
    problems: list[Problem] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def problem(self, key: Key, message: str) -> None:
        self.problems.append(Problem(path_of(key), message))

    def table(self, model: type[_Model], raw: object, key: Key) -> _Model | None:
        """The table, or None when it has problems, which are noted."""
        try:
            return model.model_validate(raw, context=self.known)
        except ValidationError as error:
            found = explain(error, model, key)
        # Outside of `except`: an exception raised later must not drag this one along, for it quotes the values.
        self.problems.extend(found)
        return None

    def name(self, name: str, key: Key) -> None:
        try:
            check_name(name)
        except ValueError as error:
            self.problem(key, str(error))

"""The errors that CloudCircuit raises.

    CloudCircuitError
    ├── ConfigError        the configuration is wrong; carries every problem with its key path
    ├── AdapterError       a source could not be read; `permanent`, `retry_after`
    ├── NotifyError        a channel did not take a message; `permanent`, `retry_after`, `rejected`
    ├── UsageError         a command or an argument makes no sense as given
    └── StoreError         the state cannot be read or written
        ├── StateLocked    another daemon holds this state
        ├── StateDamaged   what is stored does not carry its own checksum
        ├── StateNewer     the state was written by a newer version, or lies ahead of the time given
        └── Conflict       somebody else wrote first; losing this race is normal, read again

Each message is written for the operator: what went wrong, where, and what to do. A foreign exception becomes
one of these in exactly one place for each seam, with `raise … from`.
"""

from __future__ import annotations

from dataclasses import dataclass


class CloudCircuitError(Exception):
    """The root: catching it catches everything that CloudCircuit raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration.

    `path` is the key path (`monitors.production.budget.amount`) or `file:line` for a table of owners.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(CloudCircuitError):
    """The configuration cannot be used. `problems` holds all of them, not the first."""

    def __init__(self, problems: tuple[Problem, ...], file: str = "") -> None:
        self.problems = problems
        self.file = file
        head = f"{file}: " if file else ""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{head}{count}", *(f"  {problem}" for problem in problems)]))


class AdapterError(CloudCircuitError):
    """A source could not be read.

    `permanent`: trying again changes nothing until somebody acts (a missing file, a refused login).
    `retry_after`: seconds that the provider asked us to wait, when it said so.
    """

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after


class NotifyError(CloudCircuitError):
    """A channel did not take a message.

    `permanent`: the channel is dead (revoked, archived, not found): use the fallback.
    `rejected`: the channel lives but refuses this layout: send the short plain form.
    `retry_after`: seconds that the receiver asked us to wait. The message never holds a URL or a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        rejected: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.rejected = rejected
        self.retry_after = retry_after


class UsageError(CloudCircuitError):
    """What was asked for makes no sense: an unknown circuit, a time that is not one."""


class StoreError(CloudCircuitError):
    """The state cannot be read or written."""


class StateLocked(StoreError):
    """Another daemon holds this state; the message says who."""


class StateDamaged(StoreError):
    """What is stored was changed by something else than CloudCircuit."""


class StateNewer(StoreError):
    """The state lies ahead: of this version of the program, or of the time given with --at."""


class Conflict(StoreError):
    """A row moved between reading and writing it. Nothing was written."""

"""The one reader of the environment: secrets that stand in the configuration as `env:NAME` or `file:PATH`.

They are read at use, so that a rotated one is taken up, and never before; what is printed is the reference.
"""

from __future__ import annotations

import os
from pathlib import Path

from cloudcircuit.config.files import Unreadable, read_bytes
from cloudcircuit.config.text import quoted
from cloudcircuit.errors import ConfigError, Problem
from cloudcircuit.model import Secret, check_secret_reference

_SIZE = 64 << 10


def secret(reference: str, root: Path, key: str = "") -> Secret:
    """A secret by its reference; a relative path begins at `root`. `key` is where the reference stands.

    Raises ValueError when it is no reference. `reveal` raises ConfigError, which names key and reference, when the
    secret is not there or is empty.
    """
    check_secret_reference(reference)
    kind, _, name = reference.partition(":")

    def read() -> str:
        try:
            return _from_environment(name) if kind == "env" else _from_file(root / name)
        except Unreadable as error:
            raise ConfigError((Problem(key, f"the secret {quoted(reference)} {error}"),)) from None

    return Secret(reference, read)


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "").rstrip("\r\n")
    if not value:
        raise Unreadable("is not set, or empty: export it to the process that runs cloudcircuit")
    return value


def _from_file(path: Path) -> str:
    try:
        value = read_bytes(path, _SIZE).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    if not value:
        raise Unreadable("is empty")
    return value

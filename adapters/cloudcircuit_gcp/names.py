"""Names of BigQuery: held against its grammar, never escaped. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

PROJECT = r"^(?:[a-z0-9][a-z0-9.-]{0,252}\.[a-z]{2,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$"
"""A project id, with the domain before it where it is domain-scoped (`example.com:billing`)."""

DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}")
MOST_TABLE_BYTES = 1024
TABLE_CHARACTERS = frozenset({"Pc", "Pd", "Zs"})
"""Beside letters, marks and numbers: connectors, dashes and spaces."""

PREFIXES = {
    "gcp_billing_export_resource_v1_": "detailed",
    "gcp_billing_export_v1_": "standard",
    "gcp_billing_export_focus_": "focus",
}
ACCOUNT = re.compile(r"([0-9A-F]{6})_([0-9A-F]{6})_([0-9A-F]{6})")


@dataclass(frozen=True, slots=True)
class Table:
    project: str
    dataset: str
    name: str

    @property
    def quoted(self) -> str:
        """As it stands in a statement; a name within the grammar needs no escaping."""
        return f"`{self.project}.{self.dataset}.{self.name}`"

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.name}"


def parse_table(text: str) -> Table:
    """The three parts of `project.dataset.table`. Raises ValueError for what BigQuery could not hold."""
    parts = text.rsplit(".", 2)
    if len(parts) != 3:
        raise ValueError("a table is written project.dataset.table")
    project, dataset, name = parts
    if not re.fullmatch(PROJECT, project):
        raise ValueError("its project is no project id: 6 to 30 of a-z, 0-9 and -, perhaps after example.com:")
    if not DATASET.fullmatch(dataset):
        raise ValueError("its dataset is none: letters, digits and _ only")
    if not name or len(name.encode()) > MOST_TABLE_BYTES or not all(map(_fits_table, name)):
        raise ValueError("its table is none: letters, digits, _, - and spaces only, at most 1024 bytes")
    return Table(project, dataset, name)


def _fits_table(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category in TABLE_CHARACTERS


def guess_schema(table: Table) -> str | None:
    """Which export it is, by the name that Google gives it."""
    return next((schema for prefix, schema in PREFIXES.items() if table.name.startswith(prefix)), None)


def guess_account(table: Table) -> str | None:
    """The billing account that the name of an export ends with."""
    prefix = next((prefix for prefix in PREFIXES if table.name.startswith(prefix)), None)
    found = None if prefix is None else ACCOUNT.fullmatch(table.name.removeprefix(prefix))
    return None if found is None else "-".join(found.groups())


def check_endpoint(url: str) -> str:
    """Raises ValueError for one that would show tokens to a network."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("an endpoint begins with https://; http:// is for this machine alone")
    return url


def printable(text: str, most: int = 300) -> str:
    """A text from outside on one line, without what a terminal would obey."""
    line = " ".join(text.split())
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line[: most + 1])
    return clean if len(clean) <= most else clean[:most] + "…"

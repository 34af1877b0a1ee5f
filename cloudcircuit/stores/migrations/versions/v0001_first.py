"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloudcircuit.errors import StoreError

revision = "0001"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _count(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _text(name: str, *, primary_key: bool = False, unique: bool | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=primary_key, unique=unique, nullable=False)


def _short(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _row_number(name: str) -> sa.Column[int]:
    return sa.Column(name, _ROW_NUMBER, primary_key=True, autoincrement=True)


def upgrade() -> None:
    _create_meta()
    _create_ledger()
    _create_switches()
    _create_history()
    _create_outbox()


def downgrade() -> None:
    raise StoreError("a state is not taken back to an older schema: restore a backup made before the upgrade")


def _create_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _text("epoch"),
        _count("created"),
        _count("serial"),
        _count("acts_version"),
        _count("breakers"),
        _count("acts"),
        _count("newest", nullable=True),
        _count("pruned_before"),
        _short("checksum", 32),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        _row_number("id"),
        _text("source"),
        _short("grain", 8),
        _short("day", 10),
        _count("said_at"),
        _count("rows"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _short("checksum", 32),
    )
    op.create_index("ledger_by_source", "ledger", ["source", "grain", "day"])
    op.create_index("ledger_by_day", "ledger", ["day"])


def _create_switches() -> None:
    op.create_table(
        "sources",
        _text("source", primary_key=True),
        _count("version"),
        _text("body"),
        _short("checksum", 32),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "breakers",
        _text("circuit", primary_key=True),
        _text("monitor"),
        _count("version"),
        _text("body"),
        _short("checksum", 32),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "acts",
        _text("id", primary_key=True),
        _text("body"),
        _short("checksum", 32),
        sqlite_with_rowid=False,
    )


def _create_history() -> None:
    op.create_table(
        "history",
        _row_number("seq"),
        _count("at"),
        _text("kind"),
        _text("subject"),
        _text("body"),
        _short("checksum", 32),
        sqlite_autoincrement=True,
    )
    op.create_index("history_by_kind", "history", ["kind", "at"])
    op.create_index("history_by_subject", "history", ["subject", "seq"])
    op.create_index("history_by_age", "history", ["at"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        _row_number("seq"),
        _text("id", unique=True),
        _short("state", 16),
        _count("owed_at"),
        _count("next_try", nullable=True),
        _text("body"),
        _short("checksum", 32),
    )
    op.create_index("outbox_by_state", "outbox", ["state", "owed_at"])

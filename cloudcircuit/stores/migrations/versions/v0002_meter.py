"""What the calls of sources cost, by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cloudcircuit.errors import StoreError

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "meter",
        sa.Column("source", sa.Text, primary_key=True, nullable=False),
        sa.Column("day", sa.String(10), primary_key=True, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("dollars", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.String(32), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise StoreError("a state is not taken back to an older schema: restore a backup made before the upgrade")

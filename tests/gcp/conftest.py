"""One emulator for the folder, and a Google in front of it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gcp import emulator
from tests.gcp.build import NAMES, SCHEMAS, write_key
from tests.gcp.front import Google, serving


@pytest.fixture(scope="session")
def backend() -> Iterator[str]:
    """The emulator's address, with an empty table for each export."""
    command = emulator.find_emulator()
    if command is None:
        pytest.skip("there is no BigQuery emulator; tests/gcp/install_emulator.sh .venv-bq installs it")
    with emulator.running(command) as url:
        for schema, name in NAMES.items():
            emulator.create(url, name, SCHEMAS[schema])
        yield url


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("key")


def _logged_in(google: Google, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Application Default Credentials lead to a key file, and that to the login of this Google."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(write_key(folder, f"{google.url}/token")))
    for name in ("BIGQUERY_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def google(key_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """A Google whose BigQuery finds what the test puts into `rows`."""
    with serving(Google()) as server:
        _logged_in(server, key_folder, monkeypatch)
        yield server


@pytest.fixture
def bigquery(backend: str, key_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    """A Google whose BigQuery is the emulator."""
    with serving(Google(backend)) as server:
        _logged_in(server, key_folder, monkeypatch)
        yield server

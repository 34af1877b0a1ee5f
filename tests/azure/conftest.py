"""The fake Azure of this folder: one server, a clean table for each test, and the environment that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from cloudcircuit_azure import pacing
from tests.azure.fake import CLIENT, SECRET, TENANT, Fake, serve, write_ca


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server(authority: trustme.CA) -> Iterator[Fake]:
    with serve(Fake(), authority) as fake:
        yield fake


@pytest.fixture
def azure(
    server: Fake, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fake]:
    """A login and an Azure, as the environment of a daemon leads to them."""
    folder: Path = tmp_path_factory.mktemp("ca")
    settings = {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": SECRET,
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "REQUESTS_CA_BUNDLE": str(write_ca(authority, folder)),
        "NO_PROXY": "localhost",
        "HOME": str(folder),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTPS_PROXY", "https_proxy", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    pacing._PACERS.clear()  # a test uses up units that the next one has
    server.reset()
    yield server
    server.reset()

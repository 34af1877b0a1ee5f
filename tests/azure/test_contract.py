"""What is asked is what the SDK's own call would ask, and nothing that the documented role does not allow."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from azure.core.credentials import AccessToken
from azure.mgmt.costmanagement import CostManagementClient, models

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Cost, Match, SpendQuery
from cloudcircuit.testing.context import MemoryMeter
from cloudcircuit_azure import client, needs
from cloudcircuit_azure.client import API_VERSION, endpoint_of
from cloudcircuit_azure.queries import Question, body_of, filters_of
from tests.azure.build import ACCOUNT, MARCH, NOW, SUBSCRIPTION, fetch, is_, like, open_source, options, query
from tests.azure.fake import TENANT, TOKEN, Fake, spend

QUARTER = (datetime(2026, 1, 1, tzinfo=UTC), MARCH[1])


class Held:
    """A credential that has its token already."""

    def get_token(self, *_scopes: str, **_more: Any) -> AccessToken:
        return AccessToken(TOKEN, 4102444800)


def test_the_request_is_the_one_of_the_sdk(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1)]
    fetch(azure, amortized=False)
    ours = (azure.calls[-1], azure.queries[-1])
    with CostManagementClient(Held(), azure.url) as sdk:
        found = sdk.query.usage(ACCOUNT, models.QueryDefinition(azure.queries[-1]))
    assert ours == (azure.calls[-1], azure.queries[-1])
    assert found is not None
    assert found.properties is not None
    assert found.properties.rows == [[1, "Usage", 20260302, "USD"]]
    assert sdk._config.api_version == API_VERSION


def test_bodies_say_only_what_the_sdk_knows() -> None:
    where = (is_("service", "a"), Match("sub_account", ("b", "c"), exact=True))
    groupings = (("Dimension", "ChargeType"), ("TagKey", "env"))
    question = Question(Cost.EFFECTIVE, MARCH[0].date(), NOW.date(), groupings, filters_of(where))
    body = body_of(question, "PreTaxCost")
    definition = models.QueryDefinition(body)
    assert definition.type in set(models.ExportType)
    assert definition.timeframe in set(models.TimeframeType)
    assert definition.time_period is not None
    assert definition.time_period.from_property == MARCH[0]
    dataset = definition.dataset
    assert dataset.granularity in set(models.GranularityType)
    assert dataset.grouping is not None
    assert [each.type in set(models.QueryColumnType) for each in dataset.grouping] == [True, True]
    assert dataset.filter is not None
    assert dataset.filter.and_property is not None
    told = [each.dimensions for each in dataset.filter.and_property]
    assert [(each.name, each.operator, each.values_property) for each in told if each] == [
        ("ServiceName", "In", ["a"]),
        ("SubscriptionId", "In", ["b", "c"]),
    ]
    assert dataset.aggregation is not None
    assert dataset.aggregation["totalCost"].name == "PreTaxCost"


def test_a_whole_cycle_needs_the_documented_permission_alone(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1), spend("2026-02-02", 1, ChargeType="Purchase")]
    source = open_source(azure, scope=SUBSCRIPTION)
    for breakdown in [query("service"), query("resource", "region"), query("tag:env", where=(is_("service", "x"),))]:
        source.fetch(breakdown, Deadline(30))
    source.probe(Deadline(30))
    source.close()
    own = ("POST", f"/{SUBSCRIPTION}/providers/Microsoft.CostManagement/query")
    login = {("GET", f"/{TENANT}/v2.0/.well-known/openid-configuration"), ("POST", f"/{TENANT}/oauth2/v2.0/token")}
    assert set(azure.calls) == {own, *login}
    assert sum(call in login for call in azure.calls) == 2, "one login for a cycle"
    assert all(headers["ClientType"] == "CloudCircuit" for headers in azure.headers)
    assert all("CloudCircuit" in headers["User-Agent"] for headers in azure.headers)


def test_a_client_type_and_a_column_of_ones_own(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 2)]
    report = fetch(azure, client_type="Acme.FinOps", column="PreTaxCost", amortized=False)
    assert azure.headers[0]["ClientType"] == "Acme.FinOps"
    assert azure.queries[0]["dataset"]["aggregation"] == {"totalCost": {"name": "PreTaxCost", "function": "Sum"}}
    assert report.table["BilledCost"].to_pylist() == [Decimal(2)]


def test_netrc_does_not_take_the_place_of_the_login(
    azure: Fake, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(azure)
    assert azure.headers[0]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("cloud", "endpoint"),
    [
        ("public", "https://management.azure.com"),
        ("china", "https://management.chinacloudapi.cn"),
        ("usgovernment", "https://management.usgovcloudapi.net"),
    ],
)
def test_each_cloud_has_its_endpoint_and_its_login(cloud: str, endpoint: str) -> None:
    assert endpoint_of(options(cloud=cloud)) == endpoint
    assert client._CLOUDS[cloud][1].startswith("https://login.")
    assert endpoint_of(options(cloud=cloud, endpoint="https://arm.example")) == "https://arm.example"


# --- probe and plan -------------------------------------------------------------------------------------


def test_the_probe_tells_what_is_there(azure: Fake) -> None:
    azure.table = [
        spend("2026-02-10", 1),  # longer ago than the probe looks
        spend("2026-02-20", 1, currency="EUR"),
        spend("2026-03-19", 1, SubscriptionId="BBBB"),
    ]
    source = open_source(azure)
    found = source.probe(Deadline(30))
    source.close()
    assert found.accounts == ("aaaaaaaa-0000-0000-0000-000000000001", "bbbb")
    assert found.currencies == ("EUR", "USD")
    assert (found.oldest, found.newest) == (datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 3, 19, tzinfo=UTC))
    assert len(azure.queries) == 2


def test_the_probe_of_an_empty_scope(azure: Fake) -> None:
    source = open_source(azure)
    found = source.probe(Deadline(30))
    source.close()
    assert (found.accounts, found.oldest, found.newest) == ((), None, None)
    assert any("48 hours" in note for note in found.notes)


def plan(queries: Sequence[SpendQuery], fake: Fake, **more: Any) -> tuple[int, int]:
    """The requests of a usual cycle, and of the first one."""
    source = open_source(fake, **more)
    steps = source.plan(queries, {"service": 3}, Deadline(5))
    source.close()
    assert not any(step.cost.dollars for step in steps)
    assert all("query units" in step.what for step in steps)
    usual = sum(step.cost.requests for step in steps if not step.once)
    return usual, usual + sum(step.cost.requests for step in steps if step.once)


def test_the_plan_is_what_a_cycle_then_takes(azure: Fake) -> None:
    for month in ("01", "02", "03"):
        azure.table += [spend(f"2026-{month}-02", 1), spend(f"2026-{month}-03", 1, ChargeType="Purchase")]
    asked = [query("service", window=QUARTER), query("service", "region", window=QUARTER), query(window=QUARTER)]
    usual, first = plan(asked, azure)
    assert not azure.calls, "planning asks nothing"
    meter = MemoryMeter()
    source = open_source(azure, meter=meter)
    marks = [source.fetch(each, Deadline(60)).marks for each in asked]
    source.close()
    assert meter.spent.requests == first
    azure.table += [spend("2026-03-03", 1), spend("2026-03-03", 1, ChargeType="Purchase")]
    meter = MemoryMeter()
    source = open_source(azure, meter=meter)
    for each, before in zip(asked, marks, strict=True):
        again = SpendQuery(each.start, each.end, dimensions=each.dimensions, marks=before)
        source.fetch(again, Deadline(60))
    source.close()
    assert (usual, meter.spent.requests) == (6 + 2 + 4, 6 + 2 + 4)


def test_a_filter_that_azure_gets_has_totals_of_its_own(azure: Fake) -> None:
    asked = [query("region", where=(is_("service", "x"),)), query("region", where=(like("provider", "*"),))]
    assert plan(asked, azure) == (2 * 2 + 2 + 2, 2 * 2 + 2 + 2)
    assert plan(asked, azure, amortized=False) == (2 + 1 + 1, 2 + 1 + 1)


def test_large_groups_take_pages(azure: Fake) -> None:
    source = open_source(azure)
    steps = source.plan([query("sku", window=MARCH)], {"sku": 1000}, Deadline(5))
    source.close()
    assert [step.cost.requests for step in steps] == [2, 2 * 7]


def test_the_way_out_is_a_focus_export() -> None:
    assert 'adapter = "focus"' in needs.EXPORT


# --- other ways to log in and out -----------------------------------------------------------------------


class Identity(BaseHTTPRequestHandler):
    """The managed identity of an App Service, over plain HTTP on the machine itself."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({"access_token": TOKEN, "expires_on": "4102444800", "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def test_a_managed_identity_by_its_client_id(azure: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.table = [spend("2026-03-02", 1)]
    own = "33333333-3333-3333-3333-333333333333"
    with local_server(Identity) as port:
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        assert fetch(azure, client_id=own).table.num_rows == 1
    (asked,) = Identity.asked
    assert own in asked


class Proxy(BaseHTTPRequestHandler):
    """A proxy of a company: everything goes through CONNECT."""

    asked: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.send_response(200)
            self.end_headers()
            ways = [(self.connection, far), (far, self.connection)]
            threads = [threading.Thread(target=self._carry, args=way, daemon=True) for way in ways]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    @staticmethod
    def _carry(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65_536):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def log_message(self, *args: Any) -> None:
        pass


def test_the_proxy_of_the_environment_is_used(azure: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.table = [spend("2026-03-02", 1)]
    with local_server(Proxy) as port:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert fetch(azure).table.num_rows == 1
    assert set(Proxy.asked) == {f"localhost:{azure.port}"}


@contextmanager
def local_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

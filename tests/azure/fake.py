"""A Cost Management with a mind, over TLS on loopback, and the login that goes with it.

It holds a small table of charges and answers queries from it as the Query API is documented to: it groups, filters,
pages, validates. Faults are put in its way by `script`: what it says to the next queries instead.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trustme

TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
SECRET = "s3cret-of-the-test~"
TOKEN = "eyJ0ZXN0.dG9rZW4.c2lnbmF0dXJl"
VM = "Virtual Machines"
VALID = {
    "ServiceName",
    "SubscriptionId",
    "SubscriptionName",
    "ResourceLocation",
    "ResourceId",
    "Meter",
    "PricingModel",
    "ChargeType",
    "ResourceGroup",
    "PublisherType",
}


@dataclass(frozen=True, slots=True)
class Spend:
    """One charge as the fake knows it."""

    day: date
    actual: Any
    amortized: Any
    dims: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    currency: Any = "USD"


def spend(day: str, actual: Any, amortized: Any = None, *, currency: Any = "USD", **dims: str) -> Spend:
    """A charge; `tag_x="y"` is a tag. Amortised cost is the actual one unless given."""
    tags = {name[4:]: value for name, value in dims.items() if name.startswith("tag_")}
    own = {name: value for name, value in dims.items() if not name.startswith("tag_")}
    base = {
        "ServiceName": "Storage",
        "SubscriptionId": "aaaaaaaa-0000-0000-0000-000000000001",
        "SubscriptionName": "Prod",
        "ResourceLocation": "EU West",
        "ResourceId": "/subscriptions/x/RESOURCEGROUPS/rg/providers/m/a",
        "Meter": "LRS",
        "PricingModel": "OnDemand",
        "ChargeType": "Usage",
    }
    return Spend(
        date.fromisoformat(day), actual, actual if amortized is None else amortized, {**base, **own}, tags, currency
    )


def small_bill() -> list[Spend]:
    return [
        spend("2026-03-02", 1.25, tag_env="prod"),
        spend("2026-03-02", 0.1, tag_env="Prod", ResourceLocation="US East"),
        spend("2026-03-02", 0, 3.5, ServiceName=VM, PricingModel="Reservation", Meter="D2"),
        spend("2026-03-02", 0, 0.75, ServiceName=VM, PricingModel="Reservation", ChargeType="UnusedReservation"),
        spend("2026-03-02", 100, 0, ServiceName=VM, PricingModel="Reservation", ChargeType="Purchase"),
        spend("2026-03-03", 2, SubscriptionId="BBBBBBBB-0000-0000-0000-000000000002", SubscriptionName="Dev"),
        spend("2026-03-03", -0.5, ChargeType="Refund", SubscriptionName="", ResourceLocation=""),
        spend("2026-03-03", 7, currency="eur", ServiceName="", tag_env="dev"),
    ]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said instead. `drip`: seconds between its bytes, which then never end; `cut`: bytes before the cut."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drip: float = 0.0
    cut: int | None = None
    drip_head: bool = False


def error(status: int, code: str = "BadRequest", message: str = "no", **headers: str) -> Reply:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class Refused(Exception):
    """A query that Azure would answer with 400."""


class Fake:
    """The state of one test."""

    def __init__(self) -> None:
        self.port = 0
        self.reset()

    def reset(self) -> None:
        self.table: list[Spend] = []
        self.page_size = 1000
        self.script: list[Reply | None] = []
        self.login: list[Reply] = []
        self.edit: Callable[[dict[str, Any]], dict[str, Any] | bytes] | None = None
        self.link: Callable[[str], str] = lambda link: link
        self.today = date(2099, 1, 1)
        self.queries: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.headers: list[Mapping[str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    # --- the Query API --------------------------------------------------------------------------------------

    def answer(self, path: str, query: Mapping[str, list[str]], body: dict[str, Any]) -> dict[str, Any]:
        columns, rows = self.run(body)
        skip = int(query.get("$skiptoken", ["0"])[0])
        page, after = rows[skip : skip + self.page_size], skip + self.page_size
        link = f"{self.url}{path}?api-version={query['api-version'][0]}&$skiptoken={after}"
        properties = {
            "nextLink": self.link(link) if after < len(rows) else None,
            "columns": columns,
            "rows": page,
        }
        return {"id": "x", "name": "y", "type": "Microsoft.CostManagement/query", "properties": properties}

    def run(self, body: dict[str, Any]) -> tuple[list[dict[str, str]], list[list[Any]]]:
        kind, dataset = body["type"], body["dataset"]
        if kind not in {"ActualCost", "AmortizedCost"} or body["timeframe"] != "Custom":
            raise Refused(f"Invalid definition type '{kind}'; valid values: 'Usage'.")
        if dataset["granularity"] != "Daily":
            raise Refused("Invalid granularity")
        first, last = self._period(body["timePeriod"])
        groupings = [self._grouping(each) for each in dataset.get("grouping", [])]
        if len(groupings) > 2:
            raise Refused("Query can have up to 2 group by clauses")
        cost = dataset["aggregation"]["totalCost"]["name"]
        fits = _filter(dataset.get("filter"))
        sums: dict[tuple[Any, ...], Any] = {}
        for charge in self.table:
            if first <= charge.day <= last and fits(charge):
                keys = tuple(_read(charge, *each) for each in groupings)
                key = (charge.day, *keys, charge.currency)
                amount = charge.actual if kind == "ActualCost" else charge.amortized
                sums[key] = _add(sums.get(key), amount)
        columns = [_column(cost, "Number"), *_columns(groupings), _column("UsageDate", "Number")]
        columns.append(_column("Currency", "String"))
        return columns, [_row(key, amount, groupings) for key, amount in sums.items()]

    def _period(self, period: Mapping[str, str]) -> tuple[date, date]:
        first, last = (date.fromisoformat(period[name][:10]) for name in ("from", "to"))
        assert period["from"][10:] == "T00:00:00+00:00"
        assert period["to"][10:] == "T23:59:59+00:00"
        if first > self.today:  # as reported: silently last year's
            first, last = first.replace(year=first.year - 1), last.replace(year=last.year - 1)
        if (last - first).days > 30:  # as reported: silently cut
            first = last - timedelta(days=30)
        return first, last

    @staticmethod
    def _grouping(each: Mapping[str, str]) -> tuple[str, str]:
        if each["type"] == "Dimension" and each["name"] not in VALID:
            raise Refused(f"Invalid dataset grouping: '{each['name']}'; valid values: 'ResourceGroup'")
        if each["type"] not in {"Dimension", "TagKey"}:
            raise Refused("Invalid type")
        return each["type"], each["name"]


def _add(before: Any, amount: Any) -> Any:
    """Only numbers add up; anything else stands as it is."""
    if before is None or not isinstance(amount, int | float):
        return amount
    return float(Decimal(repr(before)) + Decimal(repr(amount)))


def _read(charge: Spend, kind: str, name: str) -> str:
    return charge.tags.get(name, "") if kind == "TagKey" else charge.dims.get(name, "")


def _column(name: str, kind: str) -> dict[str, str]:
    return {"name": name, "type": kind}


def _columns(groupings: Sequence[tuple[str, str]]) -> Iterator[dict[str, str]]:
    for kind, name in groupings:
        if kind == "TagKey":
            yield _column("TagKey", "String")
            yield _column("TagValue", "String")
        else:
            yield _column(name, "String")


def _row(key: tuple[Any, ...], amount: Any, groupings: Sequence[tuple[str, str]]) -> list[Any]:
    day, *values, currency = key
    cells: list[Any] = []
    for (kind, name), value in zip(groupings, values, strict=True):
        cells += [name.lower(), value] if kind == "TagKey" else [value]
    return [amount, *cells, int(day.strftime("%Y%m%d")), currency]


def _filter(tree: Any) -> Callable[[Spend], bool]:
    if tree is None:
        return lambda _charge: True
    if set(tree) == {"and"}:
        if len(tree["and"]) < 2:
            raise Refused("And must have 2 or more")
        parts = [_filter(each) for each in tree["and"]]
        return lambda charge: all(part(charge) for part in parts)
    if set(tree) != {"dimensions"}:
        raise Refused("Invalid filter")
    own = tree["dimensions"]
    if own["operator"] != "In" or own["name"] not in VALID or not own["values"]:
        raise Refused("Invalid filter")
    wanted = {value.lower() for value in own["values"]}  # Azure does not look at case
    return lambda charge: charge.dims.get(own["name"], "").lower() in wanted


# --- over TLS -------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    do_PUT = do_DELETE = do_POST

    def _serve(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        with self.fake.lock:
            self.fake.calls.append((self.command, parts.path))
        if "/oauth2/" in parts.path or "/.well-known/" in parts.path:
            self._send(self._log_in(parts.path, body))
        else:
            self._send(self._query(parts.path, parse_qs(parts.query), body))

    def _log_in(self, path: str, body: bytes) -> Reply:
        if self.fake.login:
            return self.fake.login.pop(0)
        base = f"{self.fake.url}/{TENANT}"
        if "/.well-known/" in path:
            found = {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
            return Reply(200, json.dumps(found).encode())
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if asked.get("client_secret") != SECRET:
            said = f"AADSTS7000215: Invalid client secret provided. Ensure it is not the id. {asked['client_secret']}"
            return Reply(401, json.dumps({"error": "invalid_client", "error_description": said}).encode())
        return Reply(200, json.dumps({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN}).encode())

    def _query(self, path: str, query: Mapping[str, list[str]], body: bytes) -> Reply:
        with self.fake.lock:
            self.fake.headers.append(dict(self.headers))
            self.fake.queries.append(json.loads(body) if body else {})
            scripted = self.fake.script.pop(0) if self.fake.script else None
        if scripted is not None:
            return scripted
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if not path.lower().endswith("/providers/microsoft.costmanagement/query") or "api-version" not in query:
            return error(404, "NotFound", f"no {unquote(path)}")
        try:
            found: Any = self.fake.answer(path, query, json.loads(body))
        except Refused as refusal:
            return error(400, "BadRequest", f"Invalid query definition: {refusal}")
        if self.fake.edit is not None:
            found = self.fake.edit(found)
        return Reply(200, found if isinstance(found, bytes) else json.dumps(found).encode())

    def _send(self, reply: Reply) -> None:
        with suppress(OSError):  # whoever asked has left
            if reply.drip_head:
                self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000, reply.drip)
            self.send_response(reply.status)
            length = 10**6 if reply.drip else len(reply.body)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if reply.drip:
                self._drip(b" " * 10_000, reply.drip)
            self.wfile.write(reply.body[: reply.cut])
            if reply.cut is not None or reply.drip:
                self.close_connection = True

    def _drip(self, data: bytes, seconds: float) -> None:
        pause = threading.Event()
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            pause.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *args: Any) -> None:
        pass


@contextmanager
def serve(fake: Fake, ca: trustme.CA) -> Iterator[Fake]:
    """The fake behind a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": fake}))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_ca(ca: trustme.CA, folder: Path) -> Path:
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return path

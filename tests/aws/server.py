"""Cost Explorer on loopback: moto's own web application, with a mind behind GetCostAndUsage.

Groups, filters, pages, validation and page tokens as the API reference of Cost Explorer describes them
(https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html), over a small table.
What goes wrong is queued: each entry of `faults` (a Refusal, a Raw, an edit of the page, or None) is used up by one
request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from io import BytesIO
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from moto.ce.models import CostExplorerBackend
from moto.core.exceptions import JsonRESTError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.aws.table import Line, Table

METRICS = {"UnblendedCost", "NetUnblendedCost", "BlendedCost", "AmortizedCost", "NetAmortizedCost", "UsageQuantity"}
GROUPABLE = {"SERVICE", "LINKED_ACCOUNT", "RECORD_TYPE", "USAGE_TYPE"}
FILTERABLE = {*GROUPABLE, "REGION"}
STEPS = {"DAILY": timedelta(days=1), "HOURLY": timedelta(hours=1)}

Edit = Callable[[dict[str, Any]], Any]
"""Changes a page in place, or returns another one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer; `then` tells of headers."""

    code: str
    status: int = 400
    message: str = "refused"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of the answer go through this: cut, slow, or something else altogether."""

    change: Callable[[bytes], Iterable[bytes]]


@dataclass
class Server:
    """`seen` are the requests for money, in order; `calls` the IAM actions of all requests, `keys` who made them."""

    table: Table
    today: date
    page_size: int = 1000
    estimated_from: date = date.max
    names: dict[str, str] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sts: list[dict[str, list[str]]] = field(default_factory=list)
    sts_faults: list[Refusal] = field(default_factory=list)
    url: str = ""
    edit: Edit | None = None
    _tokens: dict[str, tuple[str, int]] = field(default_factory=dict)
    _cache: dict[tuple[int, str], list[dict[str, Any]]] = field(default_factory=dict)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        token = request.pop("NextPageToken", None)
        asked = json.dumps(request, sort_keys=True)
        at = 0
        if token is not None:
            if token not in self._tokens:
                raise JsonRESTError("InvalidNextTokenException", "no such token")
            before, at = self._tokens[token]
            if before != asked:
                raise JsonRESTError("RequestChangedException", "the parameters changed between pages")
        validate(request, self.today)
        rows = self._rows(asked, request)
        page = self._page(rows[at : at + self.page_size], request)
        if at + self.page_size < len(rows):
            page["NextPageToken"] = f"token-{len(self._tokens)}"
            self._tokens[page["NextPageToken"]] = (asked, at + self.page_size)
        return page

    def _rows(self, asked: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """One for each group, or for each period without groups."""
        key = (self.table.version, asked)
        if key not in self._cache:
            self._cache = {key: list(self._make_rows(request))}
        return self._cache[key]

    def _make_rows(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        groups = [(each["Type"], each["Key"]) for each in request.get("GroupBy", [])]
        takes = matcher(request.get("Filter"))
        for start, end in periods(request):
            lines = [line for line in self._between(start, end) if takes(line)]
            period = {
                "TimePeriod": {"Start": stamp(start, request), "End": stamp(end, request)},
                "Estimated": end.date() > self.estimated_from,
            }
            if not groups:
                yield {**period, "Total": amounts(lines, request), "Groups": []}
                continue
            cells: dict[tuple[str, ...], list[Line]] = {}
            for line in lines:
                cells.setdefault(tuple(_key(line, *group) for group in groups), []).append(line)
            yield from (
                {**period, "Total": {}, "Groups": [{"Keys": list(keys), "Metrics": amounts(found, request)}]}
                for keys, found in sorted(cells.items())
            )
            if not cells:
                yield {**period, "Total": amounts([], request), "Groups": []}

    def _between(self, start: datetime, end: datetime) -> list[Line]:
        if end - start == STEPS["DAILY"]:
            return self.table.days.get(start.date(), [])
        return list(self.table.between(start, end))

    def _page(self, rows: list[dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            period = found.setdefault(row["TimePeriod"]["Start"], {**row, "Groups": []})
            period["Groups"] = [*period["Groups"], *row["Groups"]] if row["Groups"] else period["Groups"]
        accounts = {key for row in rows for group in row["Groups"] for key in group["Keys"] if key in self.names}
        return {
            "GroupDefinitions": request.get("GroupBy", []),
            "ResultsByTime": list(found.values()),
            "DimensionValueAttributes": [
                {"Value": name, "Attributes": {"description": self.names[name]}} for name in sorted(accounts)
            ],
        }


def validate(request: dict[str, Any], today: date) -> None:
    start, end = (datetime.fromisoformat(request["TimePeriod"][key]).replace(tzinfo=UTC) for key in ("Start", "End"))
    hourly = request["Granularity"] == "HOURLY"
    oldest = today - timedelta(days=14 if hourly else 426)
    problems = [
        (start >= end, "Start date (and hour) should be before end date (and hour)"),
        (start.date() > today, "Start date is in the future"),
        (end.date() > today + timedelta(days=1), "end date past the beginning of next day"),
        (start.date() < oldest, "You haven't enabled historical data beyond 14 months"),
        (hourly is not ("T" in request["TimePeriod"]["Start"]), "the dates do not fit the granularity"),
        (not request["Metrics"] or not METRICS.issuperset(request["Metrics"]), "Metrics are not valid"),
        (len(request.get("GroupBy", [])) > 2, "GroupBy has more than 2 members"),
        (any(not _can_group(each) for each in request.get("GroupBy", [])), "Group Definition type is invalid."),
    ]
    for is_wrong, text in problems:
        if is_wrong:
            raise JsonRESTError("ValidationException", text)


def _can_group(by: dict[str, str]) -> bool:
    return bool(by["Type"] == "TAG" and by["Key"]) or (by["Type"] == "DIMENSION" and by["Key"] in GROUPABLE)


def matcher(expression: dict[str, Any] | None) -> Callable[[Line], bool]:
    if expression is None:
        return lambda _line: True
    ((kind, inner),) = expression.items()
    if kind in ("And", "Or"):
        if len(inner) < 2:
            raise JsonRESTError("ValidationException", f"{kind} expects at least 2 expressions")
        each = [matcher(one) for one in inner]
        join = all if kind == "And" else any
        return lambda line: join(one(line) for one in each)
    if kind == "Not":
        takes = matcher(inner)
        return lambda line: not takes(line)
    if kind == "Dimensions" and inner["Key"] not in FILTERABLE:
        raise JsonRESTError("ValidationException", f"{inner['Key']} cannot be filtered by")
    if inner.get("MatchOptions") == ["ABSENT"]:
        return lambda line: line.value("TAG", inner["Key"]) is None
    values = set(inner["Values"])
    where = "TAG" if kind == "Tags" else "DIMENSION"
    return lambda line: line.value(where, inner["Key"]) in values


def periods(request: dict[str, Any]) -> Iterator[tuple[datetime, datetime]]:
    at, end = (datetime.fromisoformat(request["TimePeriod"][key]).replace(tzinfo=UTC) for key in ("Start", "End"))
    while at < end:
        if request["Granularity"] == "MONTHLY":
            after = min(end, (at.replace(day=1) + timedelta(days=32)).replace(day=1))
        else:
            after = at + STEPS[request["Granularity"]]
        yield at, after
        at = after


def stamp(at: datetime, request: dict[str, Any]) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if request["Granularity"] == "HOURLY" else f"{at:%Y-%m-%d}"


def amounts(lines: list[Line], request: dict[str, Any]) -> dict[str, dict[str, str]]:
    unit = lines[0].currency if lines else "USD"
    return {
        metric: {
            "Amount": _text(sum((line.amount(metric) for line in lines), Decimal(0))),
            "Unit": "N/A" if metric == "UsageQuantity" else unit,
        }
        for metric in request["Metrics"]
    }


def _text(amount: Decimal) -> str:
    with localcontext(prec=60):
        text = f"{amount.quantize(Decimal(1).scaleb(-10)):f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _key(line: Line, kind: str, key: str) -> str:
    value = line.value(kind, key)
    return f"{key}${value or ''}" if kind == "TAG" else value or ""


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None: ...


class _App:
    """moto's application; in front of it the faults, and the count of what was asked."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        self._server.keys.append(environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition("/")[0])
        if not target:
            return self._answer_sts(environ, start_response)
        self._server.calls.append("ce:" + target.partition(".")[2])
        fault = self._server.faults.pop(0) if self._server.faults else None
        if isinstance(fault, Refusal):
            body = json.dumps({"__type": fault.code, "message": fault.message}).encode()
            headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
            start_response(f"{fault.status} X", [*headers, *fault.headers])
            return [body]
        self._server.edit = None if isinstance(fault, Raw) else fault
        if isinstance(fault, Raw):
            whole = b"".join(self._moto(environ, lambda *_: None))
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1"), ("Connection", "close")])
            return fault.change(whole)
        return self._moto(environ, start_response)  # type: ignore[no-any-return]

    def _answer_sts(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        form = parse_qs(body.decode())
        self._server.calls.append(f"sts:{form['Action'][0]}")
        self._server.sts.append(form)
        if not self._server.sts_faults:
            return self._moto({**environ, "wsgi.input": BytesIO(body)}, start_response)  # type: ignore[no-any-return]
        fault = self._server.sts_faults.pop(0)
        start_response(f"{fault.status} X", [("Content-Type", "text/xml")])
        text = (
            f"<ErrorResponse><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error></ErrorResponse>"
        )
        return [text.encode()]


def trickle(body: bytes) -> Iterator[bytes]:
    for place in range(len(body)):
        yield body[place : place + 1]
        time.sleep(0.2)


@contextmanager
def serving(server: Server, monkeypatch: Any) -> Iterator[Server]:
    def think(_backend: CostExplorerBackend, body: str | bytes) -> dict[str, Any]:
        request = json.loads(body)
        server.seen.append(json.loads(body))
        page = server.answer(request)
        edited = server.edit(page) if server.edit else None
        return page if edited is None else edited

    monkeypatch.setattr(CostExplorerBackend, "get_cost_and_usage", think)
    web = make_server("127.0.0.1", 0, _App(server), threaded=True, request_handler=_Quiet)
    thread = Thread(target=web.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{web.server_port}"
    try:
        yield server
    finally:
        web.shutdown()
        thread.join()
        web.server_close()

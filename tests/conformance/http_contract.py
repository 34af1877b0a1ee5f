"""The contract over the document's source behind HTTP. test_document.py runs it where that package is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from cloudcircuit_jsonfile.http import plugin  # type: ignore[import-not-found]  # it stands in the document

from cloudcircuit.charges import Charge
from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Cost, Grain, SpendQuery
from cloudcircuit.testing import AdapterContract

TOKEN = "t0ken-of-the-provider"


class Provider(ThreadingHTTPServer):
    """An HTTP server that answers with one body, and can be broken."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = b"[]"
        self.status = 200
        self.headers: dict[str, str] = {}
        self.cut = 0
        self.is_hanging = False
        self.pause = 0.0
        self.seen = 0
        self.ended = Event()
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/spend"

    def stop(self) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        provider = self.server
        provider.seen += 1
        if provider.is_hanging and provider.ended.wait(20):
            return
        status = 401 if self.headers["Authorization"] != f"Bearer {TOKEN}" else provider.status
        self.send_response(status)
        for name, value in provider.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(provider.body)))
        self.end_headers()
        body = provider.body[: len(provider.body) - provider.cut]
        for place in range(0, len(body), 4096 if provider.pause else len(body)):
            self.wfile.write(body[place : place + (4096 if provider.pause else len(body))])
            provider.ended.wait(provider.pause)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


class TestJsonHttp(AdapterContract):
    plugin = plugin
    values: Mapping[str, tuple[str | None, ...]] = {"service": ("Compute", "Compute*Spot", "object storage", None)}
    categories, costs, grains, instants = ("Usage",), (Cost.BILLED,), (Grain.DAY,), False
    secrets: Mapping[str, str] = {"env:JSON_TOKEN": TOKEN}

    @property
    def options(self) -> Mapping[str, Any]:
        return {"url": self.provider.url, "token": "env:JSON_TOKEN"}

    def setup_method(self) -> None:
        self.provider = Provider()

    def teardown_method(self) -> None:
        self.provider.stop()
        super().teardown_method()

    def load(self, charges: Sequence[Charge]) -> None:
        rows = [
            {"date": str(it.start.date()), "service": it.values[0], "amount": str(it.billed), "currency": it.currency}
            for it in charges
        ]
        self.provider.body = json.dumps(rows).encode()

    def break_login(self) -> None:
        self.provider.status = 403

    def throttle(self, retry_after: float) -> None:
        self.provider.status, self.provider.headers = 429, {"Retry-After": f"{retry_after:.0f}"}

    def hang(self) -> None:
        self.provider.is_hanging = True

    def truncate(self) -> None:
        self.provider.cut = len(self.provider.body) // 2

    def garble(self) -> None:
        self.provider.body = b"<html>Sign in</html>"

    def vanish(self) -> None:
        self.provider.server_close()

    def spoil(self) -> None:
        self.provider.body = self.provider.body.replace(b'"0.1', b'"NaN', 1)

    def calls(self) -> int:
        return self.provider.seen

    def test_a_body_that_drips_ends_with_the_deadline(self) -> None:
        self.provider.body, self.provider.pause = b" " * 400_000, 0.2
        assert "deadline" in str(self.refused(1.0))

    def test_a_redirect_is_not_followed(self) -> None:
        self.provider.status, self.provider.headers = 302, {"Location": self.provider.url}
        error = self.refused()
        assert (str(error), error.permanent, self.calls()) == ("the provider answered 302", True, 1)

    def test_an_endless_body_is_cut(self) -> None:
        self.provider.body = b" " * 50_000_001
        error = self.refused()
        assert "larger than 50,000,000 bytes" in str(error)
        assert error.permanent

    def test_its_own_trouble_passes(self) -> None:
        self.provider.status = 503
        assert not self.refused().permanent

    def test_rows_that_are_none_are_refused(self) -> None:
        """Whatever stands in them: a row is never left out, and only AdapterError comes out."""
        good = {"date": "2024-11-18", "service": "Compute", "amount": 1, "currency": "USD"}
        odd: dict[str, tuple[object, ...]] = {
            "date": ("2024-11-31", "0001-01-01", 20241118, None),
            "service": (5, ["Compute"], "\ud800"),
        }
        odd |= {"currency": (None, 5, "\ud800"), "amount": (None, True, "1,5", "NaN", "1e400", [1], 10**30)}
        rows: list[object] = [{**good, key: value} for key, values in odd.items() for value in values]
        rows += [{key: good[key] for key in good if key != left_out} for left_out in ("date", "amount", "currency")]
        texts = ["", "null", '{"error": "Sign in"}', "[" * 100_000, '[{"amount": 1e9999999999999999999}]']
        for text in [*texts, *(json.dumps([good, row]) for row in (*rows, None, 5, "error", [good]))]:
            self.provider.body = text.encode()
            query = self.query(("service",), zone="Australia/Lord_Howe")
            assert not self.refused(query=query).permanent, text[:200]

    def refused(self, seconds: float = 20.0, query: SpendQuery | None = None) -> AdapterError:
        with self.opened() as adapter:
            try:
                answer = adapter.fetch(query or self.query(), Deadline(seconds))
            except AdapterError as error:
                return error
        raise AssertionError(f"it was answered: {answer}")

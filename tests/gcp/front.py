"""What stands before Google in these tests: its login, Cloud Billing, and BigQuery's REST interface.

Questions to BigQuery go on to the emulator where there is one, and are answered with nothing where there is none; each
call is written down, and any of them can be made to fail, over real HTTP.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

TOKEN = "ya29.a-token-that-nobody-may-see"


@dataclass(frozen=True)
class Answer:
    """What is sent. `length` lies about the body; `drip` seconds lie between its bytes; `stall` sends nothing more."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drip: float = 0.0
    stall: bool = False


@dataclass(frozen=True)
class Call:
    """A call that arrived, with what its body says."""

    method: str
    path: str
    query: str
    body: dict[str, Any]
    authorization: str

    @property
    def is_job(self) -> bool:
        return self.method == "POST" and self.path.endswith("/jobs")

    @property
    def is_dry(self) -> bool:
        return bool(self.body.get("configuration", {}).get("dryRun"))


Fault = Callable[[Call], Answer | None]
"""What a call is answered instead; None lets it pass."""


def said(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers)


def failure(status: int, reason: str, message: str = "said so", **headers: str) -> Answer:
    """An error as Google words it."""
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return said({"error": error}, status, **headers)


@dataclass
class Google:
    """The state behind the server. `backend` is where the emulator listens; without one, `rows` are what is found."""

    backend: str | None = None
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    billing: dict[str, Any] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[list[Any]] = field(default_factory=list)
    size: int = 10**6
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, call: Call) -> Answer:
        for fault in self.faults:
            found = fault(call)
            if found is not None:
                return found
        if call.path == "/token":
            return said({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
        if call.path.startswith("/v1/"):
            found_here = self.billing.get(call.path)
            return failure(403, "forbidden") if found_here is None else said(found_here)
        return self._forward(call) if self.backend else self._canned(call)

    def _forward(self, call: Call) -> Answer:
        target = f"{self.backend}{call.path}{'?' + call.query if call.query else ''}"
        data = json.dumps(call.body).encode() if call.method == "POST" else None
        request = Request(target, data=data, method=call.method, headers={"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=60) as response:
                body, status = response.read(), response.status
        except OSError as error:
            body, status = getattr(error, "read", lambda: b"{}")(), getattr(error, "code", 502)
        if call.is_dry and status == 200:
            body = json.dumps(_sized(json.loads(body), self.size)).encode()
        return Answer(status, body)

    def _canned(self, call: Call) -> Answer:
        """A BigQuery that finds `rows`, whatever it is asked."""
        if call.is_job:
            job = {**call.body, "status": {"state": "DONE"}}
            if call.is_dry:
                return said(_sized(job, self.size))
            self.jobs[call.body["jobReference"]["jobId"]] = job
            return said({**job, "status": {"state": "RUNNING"}})
        if call.path.endswith("/cancel"):
            return said({"job": next(iter(self.jobs.values()), {})})
        name = call.path.rpartition("/")[2]
        if "/jobs/" in call.path:
            return said(self.jobs[name])
        found = self.results(name)
        return said({key: found[key] for key in found if key != "rows" or "maxResults=0" not in call.query})

    def results(self, name: str) -> dict[str, Any]:
        fields = [{"name": f"c{place}", "type": kind} for place, kind in enumerate(TYPES)]
        cells = [{"f": [{"v": value} for value in row]} for row in self.rows]
        return {
            "jobComplete": True,
            "jobReference": {"projectId": "p", "jobId": name},
            "schema": {"fields": fields},
            "totalRows": str(len(self.rows)),
            "rows": cells,
        }


TYPES = ("BOOLEAN", "DATE", "STRING", "STRING", "STRING", "NUMERIC", "NUMERIC", "INTEGER", "INTEGER", "TIMESTAMP")
"""The columns of an answer without dimensions."""


def _sized(job: dict[str, Any], size: int) -> dict[str, Any]:
    statistics = {"totalBytesProcessed": str(size), "query": {"totalBytesProcessed": str(size)}}
    return {**job, "statistics": statistics}


def paths(*pieces: str, answer: Answer, times: int | None = None) -> Fault:
    """Answer calls whose method and path contain all of these, so often."""
    left = [times]

    def fault(call: Call) -> Answer | None:
        if not all(piece in f"{call.method} {call.path}?{call.query}" for piece in pieces) or left[0] == 0:
            return None
        if left[0] is not None:
            left[0] -= 1
        return answer

    return fault


@contextmanager
def serving(google: Google) -> Iterator[Google]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"google": google}))
    server.daemon_threads = True
    google.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield google
    finally:
        google.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    google: Google

    def log_message(self, *_args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        call = Call(self.command, parts.path, parts.query, _json(raw), self.headers.get("Authorization", ""))
        self.google.calls.append(call)
        try:
            self._send(self.google.answer(call))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        if answer.stall:
            self.google.released.wait(30)
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        self.end_headers()
        for at in range(len(answer.body)) if answer.drip else ():
            self.wfile.write(answer.body[at : at + 1])
            if self.google.released.wait(answer.drip):
                break
        if not answer.drip:
            self.wfile.write(answer.body)
        if answer.length is not None:
            self.close_connection = True


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""The BigQuery emulator as a process, and tables in it with the schemas of Google's exports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[2]
PROJECT, DATASET = "acme-billing", "export"


def find_emulator() -> Path | None:
    """The emulator's command, where tests/gcp/install_emulator.sh has put it."""
    folders = [os.environ.get("CLOUDCIRCUIT_BQEMULATOR", ""), str(ROOT / ".venv-bq")]
    commands = (Path(folder) / "bin" / "bqemulator" for folder in folders if folder)
    return next((command for command in commands if command.exists()), None)


@contextmanager
def running(command: Path) -> Iterator[str]:
    """Its address, once it answers."""
    rest, grpc = _free_port(), _free_port()
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    process = subprocess.Popen(
        [command, "start", *ports, "--log-level", "error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{rest}"
    try:
        _wait(process, url)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    pause = threading.Event()
    for _ in range(300):
        assert process.poll() is None, "the emulator ended by itself"
        try:
            call(f"{url}/bigquery/v2/projects/{PROJECT}/datasets")
            return
        except OSError:
            pause.wait(0.2)
    raise AssertionError("the emulator does not answer within a minute")


def call(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data=data, headers={"Content-Type": "application/json"}), timeout=60) as response:
        return json.loads(response.read() or b"{}")


def run(url: str, statement: str) -> list[list[Any]]:
    """The rows of a statement."""
    answer = call(
        f"{url}/bigquery/v2/projects/{PROJECT}/queries", {"query": statement, "useLegacySql": False, "timeoutMs": 60000}
    )
    assert not answer.get("errors"), answer
    return [[cell["v"] for cell in row["f"]] for row in answer.get("rows", [])]


def create(url: str, name: str, fields: Sequence[Mapping[str, Any]]) -> None:
    """An empty table, partitioned by the time of loading as Google's are."""
    base = f"{url}/bigquery/v2/projects/{PROJECT}/datasets"
    found = [each["datasetReference"]["datasetId"] for each in call(base).get("datasets", [])]
    if DATASET not in found:
        call(base, {"datasetReference": {"projectId": PROJECT, "datasetId": DATASET}})
    table = {"projectId": PROJECT, "datasetId": DATASET, "tableId": name}
    partitions = {"type": "DAY"}
    call(
        f"{base}/{DATASET}/tables",
        {"tableReference": table, "schema": {"fields": list(fields)}, "timePartitioning": partitions},
    )


def fill(url: str, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Exactly these rows, in place of all that were there."""
    run(url, f"DELETE FROM `{PROJECT}.{DATASET}.{name}` WHERE TRUE")
    target = f"{url}/bigquery/v2/projects/{PROJECT}/datasets/{DATASET}/tables/{name}/insertAll"
    for start in range(0, len(rows), 500):
        answer = call(target, {"rows": [{"json": row} for row in rows[start : start + 500]]})
        assert not answer.get("insertErrors"), answer

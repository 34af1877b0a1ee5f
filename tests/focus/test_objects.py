"""Object stores, against a real S3 server on loopback (moto), and their refusals."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import CallCost, SpendQuery
from tests.focus.build import OCTOBER, csv_text, fetch, open_source, row, sums, total, without, write_parquet

pytest.importorskip("moto")

SECRET = "wJalrXUtnFEMI"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Bucket:
    def __init__(self, endpoint: str, name: str) -> None:
        self.options: dict[str, Any] = {"endpoint": endpoint, "region": "us-east-1"}
        self.name = name
        self._store = pafs.S3FileSystem(
            endpoint_override=endpoint, region="us-east-1", allow_bucket_creation=True, background_writes=False
        )
        self._store.create_dir(name)

    def put(self, key: str, data: bytes | str) -> None:
        with self._store.open_output_stream(f"{self.name}/{key}", compression=None) as stream:
            stream.write(data.encode() if isinstance(data, str) else data)

    def fetch(self, path: str, *dimensions: str, **more: Any) -> Any:
        return fetch(Path("/"), *dimensions, path=f"s3://{self.name}/{path}", **{**self.options, **more})


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest) -> Bucket:
    return Bucket(endpoint, f"bills-{abs(hash(request.node.name)) % 10**9}")


def test_every_format_under_a_prefix(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("export/billing_period=2024-10/a.csv", csv_text([row(cost="1", SubAccountId="001")]))
    bucket.put("export/billing_period=2024-10/b.csv.gz", gzip.compress(csv_text([row(cost="2")]).encode()))
    parquet = write_parquet(tmp_path / "c.parquet", without([row(cost="4", SubAccountId="002")], "RegionId"))
    bucket.put("export/billing_period=2024-10/c.parquet", parquet.read_bytes())
    bucket.put("export/manifest.json", "{}")
    bucket.put("export/_SUCCESS", "")
    report = bucket.fetch("export", "sub_account", "region")
    assert sums(report, "SubAccountId") == {"001": 1, "007": 2, "002": 4}
    assert report.cost.bytes > 0
    assert total(bucket.fetch("export/*/*.csv*")) == 3
    assert total(bucket.fetch("export/billing_period=2024-10/c.parquet")) == 4
    assert total(bucket.fetch("export/**/?.parquet")) == 4


def test_keys_are_names_whatever_they_hold(bucket: Bucket) -> None:
    for index, name in enumerate(["a[1].csv", "*.csv", "q?.csv", "it's.csv", "x#y.csv", "ü n.csv", "a%20b.csv"]):
        bucket.put(f"hostile/{name}", csv_text([row(cost=str(10**index))]))
    assert total(bucket.fetch("hostile")) == 1_111_111


def test_many_rows_in_ranges(bucket: Bucket, tmp_path: Path) -> None:
    rows = [row(f"2024-10-{n % 28 + 1:02}", cost=f"{n}.25", ResourceId=f"r-{n}") for n in range(30_000)]
    bucket.put("big/a.csv", csv_text(rows[:15_000]))
    bucket.put("big/b.parquet", write_parquet(tmp_path / "b.parquet", rows[15_000:]).read_bytes())
    assert total(bucket.fetch("big")) == sum((Decimal(f"{n}.25") for n in range(30_000)), Decimal(0))


def test_the_newest_delivery_wins_there_too(bucket: Bucket) -> None:
    bucket.put("runs/b/part.csv", csv_text([row(cost="1")]))
    time.sleep(1.1)  # the server counts in seconds
    bucket.put("runs/a/part.csv", csv_text([row(cost="2")]))
    assert total(bucket.fetch("runs")) == 2


def test_twins_are_found_there_too(bucket: Bucket) -> None:
    for name in ("a", "b"):
        bucket.put(f"twins/{name}.csv", csv_text([row()]))
    with pytest.raises(AdapterError, match=r"twins/a\.csv and s3://.*/twins/b\.csv are the same, byte for byte"):
        bucket.fetch("twins")


def test_a_cut_off_object_is_not_read(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("half/a.parquet", write_parquet(tmp_path / "a.parquet", [row()]).read_bytes()[:-10])
    with pytest.raises(AdapterError, match="no whole Parquet file"):
        bucket.fetch("half")


@pytest.mark.parametrize("path", ["nothing/here", "nothing/*.csv"])
def test_a_prefix_that_is_not_there(bucket: Bucket, path: str) -> None:
    with pytest.raises(AdapterError, match="cannot be read") as caught:
        bucket.fetch(path)
    assert caught.value.permanent


def test_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    with pytest.raises(AdapterError, match=r"s3://no-such-bucket/x cannot be read: .*NO_SUCH_BUCKET") as caught:
        fetch(Path("/"), path="s3://no-such-bucket/x", **bucket.options)
    assert caught.value.permanent


def test_a_server_that_is_gone_is_worth_another_try() -> None:
    with pytest.raises(AdapterError, match=r"s3://bucket/x cannot be read") as caught:
        fetch(Path("/"), path="s3://bucket/x", endpoint="http://127.0.0.1:9", region="us-east-1")
    assert not caught.value.permanent
    assert SECRET not in str(caught.value)
    assert "AKIA" not in str(caught.value)


def test_local_and_remote_files_in_one_source(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("mixed/a.csv", csv_text([row(cost="1")]))
    (tmp_path / "b.csv").write_text(csv_text([row(cost="2")]))
    report = fetch(tmp_path, path=["b.csv", f"s3://{bucket.name}/mixed"], delivery="append", **bucket.options)
    assert total(report) == 3


def test_a_plan_only_lists_what_is_there(bucket: Bucket) -> None:
    bucket.put("export/a.csv", "x" * 100)
    source = open_source(Path("/"), f"s3://{bucket.name}/export", **bucket.options)
    (step,) = source.plan([SpendQuery(*OCTOBER)], {}, Deadline(30))
    assert step.cost == CallCost(bytes=100)
    assert step.what.startswith("read 1 file whole; the store may charge")


def test_a_missing_package_is_named(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("some/a.csv", csv_text([row()]))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(AdapterError, match="pip install fsspec") as caught:
        bucket.fetch("some")
    assert caught.value.permanent


@pytest.mark.parametrize(("path", "name"), [("gs://bucket/x", "GcsFileSystem"), ("az://bucket/x", "AzureFileSystem")])
def test_a_build_of_arrow_without_a_store_says_so(path: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_arguments: Any) -> None:
        raise ImportError(f"built without {name}")

    monkeypatch.setattr(pafs, name, lacking)
    with pytest.raises(AdapterError, match=f"this build of pyarrow cannot reach it .*{name}"):
        fetch(Path("/"), path=path, account="store")

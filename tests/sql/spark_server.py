"""Spark's Thrift server for these tests: what a cluster's SQL endpoint speaks, on loopback, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PLACE = Path(os.environ.get("VENV_SPARK") or Path(__file__).parents[2] / ".venv-spark")
"""Where its virtual environment is; tests/sql/install_spark.sh makes it."""

PATIENCE = 90.0
CLASS = "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"


class Missing(Exception):
    """Why there is no server here."""


@dataclass
class Spark:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def start(folder: Path) -> Spark:
    """Raises Missing where Java or Spark is not installed, or the server does not come up."""
    home = _find_home()
    if shutil.which("java") is None:
        raise Missing("Spark needs Java 17 or newer, and there is no java here")
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder),
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.driver.extraJavaOptions": f"-Dderby.stream.error.file={folder / 'derby.log'}",
    }
    command = [str(home / "bin/spark-submit"), "--master", "local[2]", "--driver-memory", "1g"]
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command += ["--class", CLASS, "spark-internal", "--hiveconf", f"hive.server2.thrift.port={port}"]
    command += ["--hiveconf", "hive.server2.thrift.bind.host=127.0.0.1"]
    log = folder / "spark.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Spark(f"hive://127.0.0.1:{port}/default", process)
    _wait(server, port, log)
    return server


def _find_home() -> Path:
    for home in PLACE.glob("lib/python3*/site-packages/pyspark"):
        return home
    raise Missing("Spark is not installed here: tests/sql/install_spark.sh .venv-spark")


def _wait(server: Spark, port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.process.poll() is None:
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    last = log.read_text(errors="replace")[-2000:]
    if server.process.poll() is None:
        server.stop()
    raise Missing(f"Spark did not come up within {PATIENCE:g} s:\n{last}")

"""What is loaded: nobody pays for a cloud that they do not have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RUN = """
import sys
from cloudcircuit.cli.app import run
code = run(["run", "--config", "config.toml", "--at", "2018-10-20"])
assert code == 0, code
sdks = ("boto3", "botocore", "google.cloud", "azure", "cloudcircuit_aws", "cloudcircuit_gcp", "cloudcircuit_azure")
print(sorted(name for name in sys.modules if name.startswith(sdks)))
"""


def test_a_daemon_with_files_alone_imports_no_cloud_sdk(tmp_path: Path) -> None:
    bill = (ROOT / "examples" / "aws-2018-10-11.csv").as_posix()
    (tmp_path / "config.toml").write_text(
        f'[sources.bill]\nadapter = "focus"\npath = "{bill}"\n[notifiers.console]\ntype = "console"\n'
        '[monitors.services]\ncurrency = "USD"\nper = ["service"]\n'
    )
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("adapter", ["aws", "azure", "gcp", "sql"])
def test_an_adapter_names_its_sdk_only_when_it_is_opened(adapter: str) -> None:
    code = (
        f"import sys, cloudcircuit_{adapter}\n"
        "print([name for name in ('boto3', 'botocore', 'google.cloud', 'azure', 'sqlalchemy', 'pyarrow',"
        " 'requests', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

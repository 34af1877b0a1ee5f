"""The commands. They need the daemon's extra; the library alone brings a `cloudcircuit` that says so."""

import sys

EXTRA = {
    *("alembic", "apscheduler", "duckdb", "numpy", "pyarrow", "pydantic"),
    *("requests", "rich", "sqlalchemy", "standardwebhooks", "structlog", "typer"),
}
"""The modules that `cloudcircuit[daemon]` brings."""


def main() -> None:
    """Run the command line of this process, and end it with the command's exit code."""
    try:
        from cloudcircuit.cli.app import run

        code = run(sys.argv[1:])
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        sys.stderr.write('The command needs the daemon\'s extra: pip install "cloudcircuit[daemon]"\n')
        code = 1
    sys.exit(code)

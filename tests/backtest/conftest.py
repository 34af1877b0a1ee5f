"""The terminal of the commands' tests."""

from tests.cli.conftest import terminal

__all__ = ["terminal"]

"""The contract can be kept: by a source that can do everything, and by one that can do little."""

from __future__ import annotations

from tests.conformance.contracts import NarrowContract, WideContract


class TestWide(WideContract):
    pass


class TestNarrow(NarrowContract):
    pass

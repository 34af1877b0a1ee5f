"""The contract, over the adapter in memory: wide and narrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudcircuit.charges import Charge
from cloudcircuit.model import Grain
from cloudcircuit.testing import AdapterContract
from tests.conformance import memory
from tests.conformance.memory import WORLDS, World


class WideContract(AdapterContract):
    plugin = memory.plugin
    package = "tests.conformance.memory"
    secrets = {"env:MEMORY_KEY": "s3cr3t-of-the-provider"}  # noqa: RUF012 - a Mapping, as it is declared

    @property
    def options(self) -> Mapping[str, Any]:
        return {"world": "bench"}

    def setup_method(self) -> None:
        WORLDS["bench"] = self.world = World(self.dimensions, key="s3cr3t-of-the-provider")

    def teardown_method(self) -> None:
        self.world.awake.set()
        del WORLDS["bench"]
        super().teardown_method()

    def load(self, charges: Sequence[Charge]) -> None:
        self.world.charges = tuple(charges)

    def break_login(self) -> None:
        self.world.fault = "login"

    def throttle(self, retry_after: float) -> None:
        self.world.fault, self.world.retry_after = "throttle", retry_after

    def hang(self) -> None:
        self.world.fault = "hang"

    def truncate(self) -> None:
        self.world.fault = "truncate"

    def garble(self) -> None:
        self.world.fault = "garble"

    def vanish(self) -> None:
        self.world.fault = "gone"

    def spoil(self) -> None:
        self.world.spoilt = self.world.charges[-1]

    def calls(self) -> int:
        return self.world.calls


class NarrowContract(WideContract):
    grains = (Grain.DAY,)

    @property
    def options(self) -> Mapping[str, Any]:
        return {"world": "bench", "narrow": True}

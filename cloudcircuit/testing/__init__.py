"""For those who write adapters: what an adapter gets from the house, without a house, and the tests it must pass."""

from cloudcircuit.testing.bench import Bench
from cloudcircuit.testing.context import MemoryMeter, adapter_context
from cloudcircuit.testing.contract import AdapterContract

__all__ = ["AdapterContract", "Bench", "MemoryMeter", "adapter_context"]

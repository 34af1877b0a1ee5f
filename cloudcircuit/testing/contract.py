"""What every adapter must do. The house relies on all of it; docs/writing-an-adapter.md explains it."""

from __future__ import annotations

from cloudcircuit.testing.call_tests import CallTests
from cloudcircuit.testing.fault_tests import FaultTests
from cloudcircuit.testing.filter_tests import FilterTests
from cloudcircuit.testing.mark_tests import MarkTests
from cloudcircuit.testing.plugin_tests import PluginTests
from cloudcircuit.testing.table_tests import TableTests
from cloudcircuit.testing.time_tests import TimeTests


class AdapterContract(PluginTests, TableTests, TimeTests, FilterTests, MarkTests, FaultTests, CallTests):
    """Tests for one adapter. Subclass it as `Test…`, say what `Bench` asks for, and let pytest find it."""

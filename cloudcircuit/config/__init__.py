"""The configuration: TOML to a Config that can be run as it is, or every problem at once.

The adapters come as an argument, `plugins.load`: this package does not know where they are found.
"""

from cloudcircuit.config.editor import json_schema
from cloudcircuit.config.load import load
from cloudcircuit.config.secrets import secret
from cloudcircuit.config.units import format_duration, parse_amount, parse_duration
from cloudcircuit.config.values import Config, DaemonConfig, NotifierConfig, SourceConfig

__all__ = [
    "Config",
    "DaemonConfig",
    "NotifierConfig",
    "SourceConfig",
    "format_duration",
    "json_schema",
    "load",
    "parse_amount",
    "parse_duration",
    "secret",
]

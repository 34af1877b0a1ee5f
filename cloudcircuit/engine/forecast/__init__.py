"""Where a period's spend will end: its distribution, the probability of breaching a budget, and the day of it."""

from cloudcircuit.engine.forecast.history import Newest
from cloudcircuit.engine.forecast.outlook import Outlook, forecast

__all__ = ["Newest", "Outlook", "forecast"]

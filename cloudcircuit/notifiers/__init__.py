"""The channels: Slack, webhooks, the console. Each renders with a pure function and sends with one call."""

from cloudcircuit.notifiers.console import ConsoleNotifier
from cloudcircuit.notifiers.slack import SlackNotifier
from cloudcircuit.notifiers.webhook import WebhookNotifier

__all__ = ["ConsoleNotifier", "SlackNotifier", "WebhookNotifier"]

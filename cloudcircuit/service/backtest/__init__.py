"""Backtests: history replayed through the very same cycle, each day knowing only what was known then."""

"""Use cases over ports and engine: the cycle, deliveries, decisions, what an operator does."""

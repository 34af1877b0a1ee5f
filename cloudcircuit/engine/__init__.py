"""The judgement: pure functions from what is known to what follows. No clock, no file, no socket."""

"""Runs: every merge so far, and what can be done with it."""

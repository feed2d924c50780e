"""Finished runs: replayed, looked into, swept, compared."""

"""Merged models in the layouts of others."""

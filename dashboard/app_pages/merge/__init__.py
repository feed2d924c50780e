"""Merge: choose tasks and their order, run, and watch."""

"""Accuracy: what a run gained and forgot, task by task."""

"""Features: the same test examples before a step, under the expert and merged."""

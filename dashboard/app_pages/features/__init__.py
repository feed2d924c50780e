"""Features: the same test images before a step, under the expert and merged."""

"""Models and data sets of others, as their makers lay them out: one file per family, all read by content."""

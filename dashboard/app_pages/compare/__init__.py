"""Compare: runs against each other, and what papers report."""

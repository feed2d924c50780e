"""Alpha: sweep the retention weight over one sequence, and choose it."""

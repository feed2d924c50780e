"""Alpha: sweep a method's main setting over one sequence, and choose it."""

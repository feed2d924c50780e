"""What commands exit with."""

DONE, TROUBLE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130  # trouble: what was looked for and found, or a run that failed

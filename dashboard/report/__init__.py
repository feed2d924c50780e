"""A report: a run, a sweep or a comparison as one file of HTML that needs nothing else."""

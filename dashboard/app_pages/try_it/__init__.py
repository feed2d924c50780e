"""Try it: what a run's models answer to a picture."""

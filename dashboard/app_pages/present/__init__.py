"""Present: a finished run replayed as if live, one large chart at a time."""

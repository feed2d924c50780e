"""A merge: the fold over tasks, its evaluation, how it begins and goes on."""

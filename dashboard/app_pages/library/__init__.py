"""Library: tasks and their images or texts, checkpoints, and how the task vectors lie to each other."""

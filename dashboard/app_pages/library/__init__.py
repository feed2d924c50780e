"""Library: tasks and images, checkpoints, and how the task vectors lie to each other."""

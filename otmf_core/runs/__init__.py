"""The run folder: what a merge leaves on disk, and how it is read, claimed, checked and sent."""

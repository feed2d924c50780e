"""Charts of masks: the map of all tensors, and one tensor."""

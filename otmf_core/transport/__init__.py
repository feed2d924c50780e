"""Optimal transport between features: the spaces it is measured in, the losses, the plan."""

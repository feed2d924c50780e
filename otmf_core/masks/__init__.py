"""Masks over task vectors: how they are trained, reported and read back."""

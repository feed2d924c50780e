"""Masks: where a merge kept, shrank or amplified its task vectors."""

"""Merges that wait for their turn, and the thread that runs them."""

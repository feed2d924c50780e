"""Merge methods: each describes itself in one file, and the table names them."""

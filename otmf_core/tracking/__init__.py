"""Runs mirrored into the tools in which teams keep their measurements: one file per tool, one mirror for all."""

"""Forecasts of a merge's time and memory."""

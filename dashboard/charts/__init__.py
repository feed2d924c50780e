"""Figures: data in, plotly figure out; no streamlit, so that a figure can be tested by the values on its axes."""

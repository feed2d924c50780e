"""Charts that several pages show: data in, plotly figure out; no streamlit, so that tests can read the axes."""

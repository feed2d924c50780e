"""The Streamlit dashboard: pages over run folders and the queue of otmf_core, no mathematics of its own."""

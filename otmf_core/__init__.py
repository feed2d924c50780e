"""OTMF: continual model merging by masks and optimal transport (arXiv 2511.19561)."""

__version__ = "0.1.0"

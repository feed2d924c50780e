"""One room per page: page.py, and what only that page uses."""

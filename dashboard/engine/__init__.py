"""The engine beside the pages: loaded ahead of need, and the memory it holds."""

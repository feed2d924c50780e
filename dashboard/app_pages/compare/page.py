"""Compare: the comparison that came with the program, or the reader's own runs; apart from them what papers report."""

from dashboard.app_pages.compare.mine import my_runs
from dashboard.app_pages.compare.shipped import SHIPPED, choose_view, shipped, shipped_view

found = shipped()
if choose_view(bool(found)) == SHIPPED:
    shipped_view(found)
else:
    my_runs()

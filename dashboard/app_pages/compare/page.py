"""Compare: the comparison that came with the program, studies, or the reader's own runs; apart what papers report."""

from dashboard.app_pages.compare.mine import my_runs
from dashboard.app_pages.compare.shipped import SHIPPED, STUDIES, choose_view, shipped, shipped_view
from dashboard.app_pages.compare.studies import studies_view

found = shipped()
view = choose_view(bool(found))
if view == SHIPPED:
    shipped_view(found)
elif view == STUDIES:
    studies_view()
else:
    my_runs()

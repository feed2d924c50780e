"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest


def with_options(app: AppTest, opened: bool = True) -> AppTest:
    """The Merge page with its options opened, or closed again."""
    app.session_state["options_open"] = opened
    app.run()
    assert not app.exception
    return app


def opener(page: str) -> Callable[..., AppTest]:
    """A function that opens a page by a link; it shows no exception."""

    def open_page(app: AppTest, **link: str | None) -> AppTest:
        app.switch_page(f"app_pages/{page}/page.py")
        for name, value in link.items():
            if value is not None:
                app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return open_page

"""What lies below the first screen comes after it on arrival, and at once whenever the page is drawn again."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from dashboard.ui.deferred import arrive, defer

    arrive(st.session_state.get("page", "one"))
    st.text("first")
    defer(lambda: st.text("rest"))


def texts(app: AppTest) -> list[str]:
    assert not app.exception
    return [text.value for text in app.text]


def test_the_rest_of_a_page_is_drawn_when_it_is_drawn_again():
    app = AppTest.from_function(page).run()
    assert texts(app) == ["first"]
    assert texts(app.run()) == ["first", "rest"]
    app.session_state["page"] = "two"
    assert texts(app.run()) == ["first"]
    app.session_state["page"] = "one"
    assert texts(app.run()) == ["first"]


def test_until_then_the_browser_is_asked_to_tell_when_the_first_screen_is_there():
    app = AppTest.from_function(page).run()
    assert [part.key for part in app.get("bidi_component")] == ["first_screen"]
    assert not app.run().get("bidi_component")

"""The screen to sign in on, and the line on every page of a shared server that says who does and what is off."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.sharing.settings import sharing
from dashboard.sharing.users import providers, reader, why_outside
from dashboard.text import excerpt, letters, sentence

LONGEST_NAME = 40  # characters of a reader's
WIDTH = 420  # pixels of the screen's middle


def sign_in_screen(logo: Path) -> None:
    """Draw the way in; for who signed in and is none of this server's users, the way out."""
    with st.container(horizontal_alignment="center"):
        st.space("large")
        with st.container(border=True, width=WIDTH, horizontal_alignment="center", key="sign-in"):
            st.image(logo, width=160)
            if st.user.get("is_logged_in") is True:
                st.error(letters(sentence(why_outside() or "")), icon=":material/block:")
                st.button("Use another account", icon=":material/logout:", key="sign-out", on_click=st.logout)
                return
            st.markdown("Sign in to use this server.", width="content")
            for provider in providers():
                label = "Sign in" if provider is None else f"Sign in with {letters(provider.title())}"
                st.button(
                    label,
                    type="primary",
                    icon=":material/login:",
                    width="stretch",
                    key=f"sign-in-{provider or ''}",
                    on_click=st.login,
                    args=() if provider is None else (provider,),
                )


def account_line() -> None:
    """Draw what is off on this server, who signed in, and the way out; nothing on a server that is not shared."""
    user, read_only = reader(), sharing().read_only
    if user is None and not read_only:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="account"):
        if read_only:
            st.badge("Read-only", icon=":material/lock:", color="gray")
            st.caption("Look at runs and libraries: nothing is merged, changed or deleted here.", width="content")
        st.space("stretch")
        if user:
            st.caption(excerpt(user.name, LONGEST_NAME), width="content")
            st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign-out", on_click=st.logout)

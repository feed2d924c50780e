"""The dialogs that make a library: of a pre-trained model, and of a suite that is fetched."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.app_pages.library.dialogs import begin, close_dialog, key, model_input, on_press, splits_input, text
from dashboard.app_pages.library.work import ask_sizes, make
from dashboard.library.folders import folder_of, libraries_folder
from dashboard.text import letters
from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers.base import Activation
from otmf_core.library.known_tasks import BACKBONES, SUITES, Backbone
from otmf_core.library.making.pull import Suite

BACKBONE_NAMES: dict[str, Backbone] = {name: name for name in BACKBONES}
ACTIVATIONS: dict[str, Activation | None] = {"As its files say": None, "quick_gelu": "quick_gelu", "gelu": "gelu"}
ABOUT_NAME = "Letters, digits, - and _: also the name of its folder."
ABOUT_MODEL = (
    "A CLIP of open_clip or transformers: a file or a folder on the machine that runs this program, or one file of at "
    "most 2 GB to upload; or, for texts, the folder of a T5 of transformers with its tokenizer.json. It is copied."
)


@st.dialog("New library", on_dismiss=close_dialog)
def new_dialog() -> None:
    """Ask what a new library is made of, and make it."""
    name = text("Name", "new-name", placeholder="my-clip", about=ABOUT_NAME)
    source = model_input("Pre-trained model", "new-model", "the pre-trained model", ABOUT_MODEL)
    activation = st.segmented_control(
        "Activation",
        list(ACTIVATIONS),
        default=next(iter(ACTIVATIONS)),
        required=True,
        key=key("new-activation"),
        persist_state="session",
        help="Of a CLIP's MLPs. Weights alone do not tell: OpenAI's CLIP and its kin have quick_gelu.",
    )
    base_model = text("Name on the hub", "new-hub", placeholder="org/name, if it has one", about="For model cards.")
    st.caption(f"It becomes a folder of {letters(str(libraries_folder()))}")

    def act() -> None:
        root = folder_of(name)
        if (root / "manifest.json").exists():
            raise InputError(f"a new library has a name of its own: {shown(name)} is there already")
        begin(f"Making {name}", partial(make, root, source(), ACTIVATIONS[activation], base_model or None))

    on_press("Make", ":material/add:", act)


@st.dialog("Fetch a suite", on_dismiss=close_dialog)
def fetch_dialog() -> None:
    """Ask which suite, and what it takes; the page then offers to fetch it."""
    st.markdown(
        "A pre-trained CLIP and its fine-tuned models, with the pictures of their tasks, from the Hugging Face hub."
    )
    backbone = st.segmented_control(
        "Backbone",
        list(BACKBONE_NAMES),
        default=next(iter(BACKBONE_NAMES)),
        required=True,
        key=key("fetch-backbone"),
        persist_state="session",
    )
    tasks = st.segmented_control(
        "Tasks",
        list(SUITES),
        default=SUITES[0],
        required=True,
        key=key("fetch-tasks"),
        persist_state="session",
        help="The first 8, 14 or 20 of the field's twenty.",
    )
    usual = f"{backbone}-{tasks}-tasks"
    name = text("Name", "fetch-name", placeholder=usual, about=f"{ABOUT_NAME} One that was begun is gone on with.")
    with st.expander("Splits"):
        sizes, seed, transductive = splits_input("fetch")
    st.caption(
        "Nothing is fetched before you have seen how much that is. The command otmf library pull also fetches Flan-T5 "
        "and its models of GLUE, a library of texts."
    )

    def act() -> None:
        suite = Suite(BACKBONE_NAMES[backbone], tasks, sizes, seed, transductive)
        begin(f"Sizes of {backbone}, {tasks} tasks", partial(ask_sizes, folder_of(name or usual), suite))

    on_press("Ask for sizes", ":material/straighten:", act)

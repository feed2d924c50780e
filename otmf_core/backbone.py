"""The name under which the model cards of version 0.1.0 import the image tower of this project."""

from otmf_core.models import clip as clip

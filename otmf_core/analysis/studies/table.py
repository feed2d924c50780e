"""The studies: one line each."""

from __future__ import annotations

from otmf_core.analysis.studies.base import Study
from otmf_core.analysis.studies.heads import HEADS_STUDY
from otmf_core.analysis.studies.mask_memory import MASK_MEMORY
from otmf_core.analysis.studies.pairs import PAIRS
from otmf_core.analysis.studies.recursion import RECURSION
from otmf_core.analysis.studies.transport_cost import TRANSPORT

TABLE: tuple[Study, ...] = (TRANSPORT, MASK_MEMORY, HEADS_STUDY, RECURSION, PAIRS)

STUDIES: dict[str, Study] = {study.name: study for study in TABLE}

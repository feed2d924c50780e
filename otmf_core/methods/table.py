"""The merge methods: one line each."""

from __future__ import annotations

from otmf_core.methods.adamerging import AdaMerging
from otmf_core.methods.adarank import AdaRank
from otmf_core.methods.average import Average
from otmf_core.methods.base import Method
from otmf_core.methods.dare import Dare
from otmf_core.methods.distillation import Distillation
from otmf_core.methods.dop import Dop
from otmf_core.methods.iso import IsoC, JointIsoC, JointIsoCts
from otmf_core.methods.joint_adamerging import JointAdaMerging
from otmf_core.methods.joint_masks import JointMasks
from otmf_core.methods.magmax import MagMax
from otmf_core.methods.mingle import Mingle, StaticMingle
from otmf_core.methods.nufilt import Nufilt
from otmf_core.methods.opcm import Opcm
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.recall import Recall
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.methods.ties import JointTies, Ties
from otmf_core.methods.tsv import JointTsvM
from otmf_core.methods.wudi import JointWudi, Wudi

TABLE: tuple[type[Method], ...] = (
    Otmf,
    Average,
    TaskArithmetic,
    Ties,
    Dare,
    MagMax,
    Nufilt,
    Opcm,
    Dop,
    IsoC,
    Wudi,
    StaticMingle,
    Recall,
    AdaMerging,
    Distillation,
    Mingle,
    JointTies,
    JointIsoC,
    JointIsoCts,
    JointTsvM,
    JointWudi,
    JointAdaMerging,
    AdaRank,
    JointMasks,
)

METHODS: dict[str, type[Method]] = {method.model_fields["name"].default: method for method in TABLE}

"""Merge methods by name. A method is `first(Δ¹, config)` and `step(θ⁰, Δ_pre, Δ_post, context)`."""

from types import ModuleType

from otmf_core.methods import average, otmf, task_arithmetic

METHODS: dict[str, ModuleType] = {"otmf": otmf, "average": average, "task-arithmetic": task_arithmetic}

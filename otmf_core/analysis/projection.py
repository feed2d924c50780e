"""Two dimensions of a task's features, one layout for all models and steps of a run, computed once and kept.

runs/<id>/features/03-tsne.parquet: the third task's points, with the parameters they were computed with.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core import layout
from otmf_core.analysis.features import read_features
from otmf_core.errors import InputError
from otmf_core.files import brief, inside, write_table
from otmf_core.tables import read_table

if TYPE_CHECKING:
    import numpy as np

MAX_POINTS = 10_000_000
# One fit over all steps: a model has one position, whatever step shows it.
PARAMETERS: dict[str, dict[str, Any]] = {
    "tsne": {"perplexity": 30, "init": "pca", "learning_rate": "auto", "max_iter": 500, "random_state": 0},
    "pca": {"svd_solver": "full"},
    "umap": {"n_neighbors": 15, "min_dist": 0.1, "init": "pca", "random_state": 0, "n_jobs": 1},
}


def installed() -> list[str]:
    """The methods of this installation: UMAP only where its package is."""
    return [method for method in PARAMETERS if method != "umap" or find_spec("umap")]


def project(points: np.ndarray, method: str) -> np.ndarray:
    """Points (n, d) in two dimensions (n, 2), float32; the same points give the same picture."""
    import numpy as np

    options = PARAMETERS[method]
    if method == "pca":
        from sklearn.decomposition import PCA

        reducer: Any = PCA(n_components=2, **options)
    elif method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(options["perplexity"], (len(points) - 1) / 3)
        reducer = TSNE(n_components=2, **{**options, "perplexity": perplexity})
    else:
        from umap import UMAP  # pyright: ignore[reportMissingImports]

        reducer = UMAP(n_components=2, **options)
    return reducer.fit_transform(np.ascontiguousarray(points)).astype(np.float32)


def projection(path: Path, tasks: tuple[str, ...], task: str, method: str, keep: bool = True) -> np.ndarray:
    """(2T + 1, n, 2): the features of `task` of the run in folder `path` in one layout, read or computed.

    NaN for the two models that no step shows, θ⁰ and the first expert. What was computed is kept in the run's folder,
    unless `keep` is off. Raises InputError when it cannot be written.
    """
    import numpy as np

    features = read_features(path, task)
    models, images, _ = features.features.shape
    in_steps = [model for model in range(models) if model not in (0, len(tasks) + 1)]
    parameters = json.dumps({"method": method, **PARAMETERS[method]})
    where = projection_file(path, tasks, task, method)
    places = _read(where, parameters, len(in_steps) * images)
    if places is None:
        places = project(features.features[in_steps].reshape(len(in_steps) * images, -1), method)
        if keep:
            write_table(
                where,
                {
                    "model": [model for model in in_steps for _ in range(images)],
                    "row": [row for _ in in_steps for row in features.rows.tolist()],
                    "x": places[:, 0].tolist(),
                    "y": places[:, 1].tolist(),
                    "parameters": [parameters] * len(places),
                },
            )
    layout = np.full((models, images, 2), np.nan, np.float32)
    layout[in_steps] = places.reshape(len(in_steps), images, 2)
    return layout


def projection_file(path: Path, tasks: tuple[str, ...], task: str, method: str) -> Path:
    """The file that keeps that projection, once it has been computed."""
    return inside(path, layout.projection(tasks.index(task) + 1, method))


def _read(where: Path, parameters: str, points: int) -> np.ndarray | None:
    """The points on disk (n, 2), None where there are none of these parameters; raises InputError on a damaged file."""
    import numpy as np

    if not where.is_file():
        return None
    what = "a projection is a Parquet table with columns x, y and parameters"
    table = read_table(where, ["x", "y", "parameters"], what, max_rows=MAX_POINTS)
    if len(table) != points or set(table["parameters"].to_pylist()) != {parameters}:
        return None
    try:
        places = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: {where} ({brief(error)})") from None
    if not np.isfinite(places).all():
        raise InputError(f"{what}: {where} (places are not finite)")
    return places

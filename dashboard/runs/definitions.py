"""What metrics are, ACC, BWT and their kin, and where a record has them."""

from __future__ import annotations

DEFINITIONS = {
    "ACC": "Mean test accuracy over all tasks after the last step: ACC = mean_i a[T][i].",
    "BWT": "Backward transfer in percentage points: mean over all tasks but the last of a[T][i] − a[i][i]. "
    "Negative where tasks were forgotten after their own merge.",
    "Mean so far": "Mean test accuracy over the tasks merged so far, after the latest step.",
    "FWT": "Forward transfer in percentage points: mean over all tasks but the first of a[i−1][i] − a[0][i], what a "
    "task gained before it was merged.",
    "Forgetting": "In percentage points: mean over all tasks but the last of the best accuracy a task had after its "
    "merge, less its accuracy at the end.",
    "Stability": "Retention: mean over all tasks but the last of a[T][i] / a[i][i], in %.",
    "Plasticity": "Mean of a[t][t] / the fine-tuned model's own accuracy, in %: how well each task was taken in.",
    "Normalised ACC": "Mean of a[T][i] / the fine-tuned model's own accuracy, in %.",
    "Pre-trained": "Mean zero-shot test accuracy of the pre-trained model, before any merge.",
    "Individual": "Mean test accuracy of each fine-tuned model on its own task (so far: of the tasks merged).",
}
RECORD_FIELDS = {  # by metric: the field of a run's record, and its unit
    "ACC": ("acc", "%"),
    "BWT": ("bwt", "pt"),
    "FWT": ("fwt", "pt"),
    "Forgetting": ("forgetting", "pt"),
    "Stability": ("stability", "%"),
    "Plasticity": ("plasticity", "%"),
    "Normalised ACC": ("normalised_acc", "%"),
}

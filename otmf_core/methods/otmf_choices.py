"""The choices among OTMF's parts: their names in forms, and what each gives and costs."""

from __future__ import annotations

FAMILIES = {
    "element": "One per entry",
    "row": "One per row",
    "head": "One per attention head",
    "low-rank": "Of low rank",
    "singular": "One per singular component",
    "layer": "One per layer",
    "task": "One per task vector",
}
FAMILIES_TRADE = {
    "element": "the most freedom, and the most memory: two masks of a model's size",
    "row": "an output of a layer stands or falls whole: a thousandth of the entries, harder to overfit",
    "head": "attention heads stand or fall whole; other tensors have one entry each",
    "low-rank": "1 + ABᵀ of rank 4: rows and columns together, a fiftieth of the entries",
    "singular": "directions instead of entries, as AdaRank: an SVD of every matrix first",
    "layer": "as AdaMerging's coefficients of layers, by this loss",
    "task": "two numbers: what masks add to a choice of α",
}
RULES = {
    "fixed": "As set",
    "auto": "By the examples",
    "learned": "Learned",
    "average": "1 − 1/t",
    "root": "1 − 1/√t",
    "norm": "Keeps the norm",
}
RULES_TRADE = {
    "fixed": "the same at every step: early tasks fade by α each time",
    "auto": "what fits the unlabelled examples best before masks are trained, the average among others: nothing to set",
    "learned": "α starts as set and is trained beside the masks: nothing to sweep, one more thing to overfit",
    "average": "every task weighs the same before masks; nothing to set",
    "root": "between a fixed α and the average: later tasks weigh more",
    "norm": "both sides alike, so that the merged vector keeps the mean norm; entries do not shrink",
}
STARTS = {"plain": "As it is", "filtered": "Filtered"}
STARTS_TRADE = {
    "plain": "masks find out by themselves what of the incoming vector disturbs",
    "filtered": "what lies in the merged vector's leading directions is taken off first, as NUFILT does: forgets "
    "less, learns less",
}
SPACES = {"logits": "Cosine logits", "features": "Features, normalised", "raw": "Raw features", "softmax": "Softmax"}
SPACES_TRADE = {
    "logits": "what the frozen heads tell apart, and no more; needs heads that fit",
    "features": "directions of features: every class alike, also those that no head has",
    "raw": "the paper's: lengths count too, and blur is then in their units",
    "softmax": "near a decision alone: sure answers no longer pull",
}
UPDATES = {"joint": "Both at once", "alternating": "In turns"}
UPDATES_TRADE = {
    "joint": "either mask sees both losses: learns the new task better, may forget more",
    "alternating": "the paper's: each mask sees its own loss in every other iteration; holds on, learns less",
}
SCHEDULES = {"cosine": "Cosine decay", "constant": "Constant"}
SCHEDULES_TRADE = {
    "cosine": "large steps first, then settling: allows a high rate",
    "constant": "the paper's: needs a low rate, and ends in noise",
}
COSTS = {1: "Distance (p = 1)", 2: "Squared (p = 2)"}
COSTS_TRADE = {1: "all outputs pull alike, outliers no more than others", 2: "far outputs pull hardest"}

LOSSES = {
    "sinkhorn": "Sinkhorn",
    "unbalanced": "Sinkhorn, unbalanced",
    "sliced": "Sliced Wasserstein",
    "exact": "Exact transport",
    "energy": "Energy distance",
    "mmd": "MMD, Gaussian kernel",
    "paired": "Paired distance",
    "cosine": "Paired cosine",
    "podnet": "PODNet, normalised pairs",
    "sinkhorn-kl": "Sinkhorn, cost KL",
    "kl": "KL to the expert's classes",
    "entropy": "Entropy, no teacher",
}
LOSSES_TRADE = {
    "sinkhorn": "clouds by entropic transport, smooth up to blur; some 20 rounds of n² distances",
    "unbalanced": "the same, but outputs further off than reach are given up, not followed",
    "sliced": "transport along random lines: the cheapest of the clouds, and the noisiest",
    "exact": "transport without blur: sharp, and its gradient jumps where partners change",
    "energy": "clouds by mean distances: nothing to tune, weak between clouds that nearly agree",
    "mmd": "clouds by a kernel: blind to outputs much further apart than blur",
    "paired": "example by example: strict where clouds would let examples swap places",
    "cosine": "example by example, directions alone: lengths may drift",
    "podnet": "as cosine, but small errors pull as hard as large ones",
    "sinkhorn-kl": "clouds of class probabilities, at the cost of their KL: what a head sees, and forgets less than kl",
    "kl": "example by example on class probabilities: what a head sees, and nothing else",
    "entropy": "confident answers, right or wrong: needs no teacher and forgets it",
}
CLASSES = ("sinkhorn-kl", "kl", "entropy")  # losses of class probabilities, and the spaces that have them
CLASS_SPACES = ("logits", "softmax")
BLURRED = ("sinkhorn", "unbalanced", "sinkhorn-kl", "mmd")  # losses that read blur
POWERED = ("sinkhorn", "unbalanced", "sliced", "exact", "paired")  # and p

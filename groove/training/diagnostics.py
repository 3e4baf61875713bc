"""Did the representation move, and did it get better? Pure functions; `monitor.py` calls them each epoch.

How to read them: a backbone gradient below 1e-5 does not train; a pooled cosine to epoch 0 above 0.99 is a rigid
representation, 0.85-0.95 a healthy change; an own-head accuracy that falls while the linear probe's stays means a stale
head, not lost information. Dimension letters: N charts, D features, C classes, E embedding size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from groove.config.modules import DRIFT
from groove.data.dataset import ChartBatch
from groove.model.fusion import LateFusionClassifier
from groove.runs import metric_columns as columns
from groove.training.module import GrooveModule

_NEIGHBORS = 10
_PROBE_RIDGE = 1e-2
"""Ridge of the linear probe, as a share of the mean squared feature."""
_FOLDS = 5
_MOST_CHARTS = 4096
"""What compares every held-out chart with every other takes so many, spread evenly, of a larger set."""


def gradient_norms(model: LateFusionClassifier) -> dict[str, float]:
    """Return ``||grad||`` of each module that has gradients; frozen modules are absent."""
    gradients = {n: [p.grad for p in model.module(n).parameters() if p.grad is not None] for n in model.module_names}
    return {name: float(torch.stack([g.norm() for g in own]).norm()) for name, own in gradients.items() if own}


def objective_gradients(module: GrooveModule, batch: ChartBatch) -> dict[str, float]:
    """Return, on one batch, each objective's gradient norm and their cosine, per module, and the weighted sum's norm.

    Objectives are unweighted in ``grad_norm_classification/*``, ``grad_norm_contrastive/*`` and ``grad_cosine/*``;
    ``grad_norm/*`` weighs them as the current phase does. A module that an objective does not reach has no entry.
    """
    with torch.enable_grad():
        output = module(batch)
        triplets = module.miner(output.embedding.detach(), batch)
        classification, contrastive = module.objectives(output, batch, triplets)
        named = [(n, p) for n, p in module.model.named_parameters() if p.requires_grad]
        parameters = [p for _, p in named]
        losses = {"classification": classification, "contrastive": contrastive.loss}
        losses |= {DRIFT: module.drift_loss(output.pooled, batch)} if module.loss_weights.get(DRIFT) else {}
        gradients = {name: _gradients(loss, parameters) for name, loss in losses.items()}
    row: dict[str, float] = {}
    for module_name in dict.fromkeys(name.split(".")[0] for name, _ in named):
        chosen = [i for i, (name, _) in enumerate(named) if name.split(".")[0] == module_name]
        flat = {loss: torch.cat([g[i].flatten() for i in chosen]) for loss, g in gradients.items()}
        norms = {loss: float(vector.norm()) for loss, vector in flat.items()}
        row |= {columns.objective_gradient(loss, module_name): norm for loss, norm in norms.items() if norm > 0}
        if norms["classification"] > 0 and norms["contrastive"] > 0:
            cosine = functional.cosine_similarity(flat["classification"], flat["contrastive"], dim=0)
            row[columns.gradient_cosine(module_name)] = float(cosine)
        total = sum(weight * flat[loss] for loss, weight in module.loss_weights.items() if weight)
        row[columns.gradient(module_name)] = float(torch.as_tensor(total).norm())
    return row


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the gradient of `loss` at each parameter, zeros where it does not reach."""
    if not loss.requires_grad:
        return [torch.zeros_like(p) for p in parameters]
    return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)


def drift(reference: Tensor, current: Tensor) -> dict[str, float]:
    """Return how far `current` (N, D) is from `reference` (N, D): cosine, l2, cka, overlap.

    cosine and l2 compare each chart's normalised vectors, then average over charts (on unit vectors l2 = sqrt(2 - 2
    cosine) for each chart). cka is linear centred kernel alignment (Kornblith et al., ICML 2019): 1 for a mere
    rotation. overlap is the share of each chart's 10 nearest neighbours that stayed.
    """
    a, b = functional.normalize(reference.double(), dim=1), functional.normalize(current.double(), dim=1)
    return {
        "cosine": float((a * b).sum(dim=1).mean()),
        "l2": float((a - b).norm(dim=1).mean()),
        "cka": _linear_cka(reference.double(), current.double()),
        "overlap": _neighbor_overlap(reference.double(), current.double()),
    }


def _linear_cka(a: Tensor, b: Tensor) -> float:
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    denominator = (a.T @ a).norm() * (b.T @ b).norm()
    return float((a.T @ b).norm() ** 2 / denominator) if denominator > 0 else float("nan")


def _neighbor_overlap(a: Tensor, b: Tensor) -> float:
    k = min(_NEIGHBORS, len(a) - 1)
    if k < 1:
        return float("nan")
    sets = []
    for x in (a[_spread(len(a))], b[_spread(len(b))]):
        distance = torch.cdist(x, x)
        distance.fill_diagonal_(float("inf"))
        member = torch.zeros_like(distance, dtype=torch.bool)
        sets.append(member.scatter_(1, distance.topk(k, largest=False).indices, True))
    return float((sets[0] & sets[1]).sum(dim=1).double().mean() / k)


def _spread(charts: int) -> NDArray[np.intp]:
    """Return rows of at most `_MOST_CHARTS` of `charts` charts."""
    return np.linspace(0, charts - 1, min(charts, _MOST_CHARTS)).astype(np.intp)


def weight_change(initial: Mapping[str, Tensor], model: LateFusionClassifier) -> dict[str, float]:
    """Return ``||w - w0|| / ||w0||`` per module, for the parameters `initial` by name."""
    row = {}
    for name in model.module_names:
        pairs = [(p.detach(), initial[f"{name}.{key}"]) for key, p in model.module(name).named_parameters()]
        if pairs:
            change = torch.stack([(now - then).norm() for now, then in pairs]).norm()
            row[columns.weight_change(name)] = float(change / torch.stack([then.norm() for _, then in pairs]).norm())
    return row


def cross_validated(
    new: Callable[[int], Any], features: NDArray[np.float64], label: NDArray[np.int64], song: NDArray[np.int64]
) -> float:
    """Return the accuracy over all charts, those of each fifth of the songs predicted from the charts of the others.

    `new` (`linear_probe`, `knn`) makes the classifier for a number of training charts; `features` (N, D), class index
    `label` (N,) and song code `song` (N,). Fewer than two songs give NaN.
    """
    kept = _spread(len(label))
    features, label, song = features[kept], label[kept], song[kept]
    folds = min(_FOLDS, len(np.unique(song)))
    if folds < 2:
        return float("nan")
    right = 0
    for train, test in GroupKFold(folds, shuffle=True, random_state=0).split(features, label, song):
        model = new(len(train)).fit(features[train], label[train])
        right += int((model.predict(features[test]) == label[test]).sum())
    return right / len(label)


def linear_probe(charts: int) -> Pipeline:
    """Return a ridge classifier on standardised features, for `charts` training charts."""
    return make_pipeline(StandardScaler(), RidgeClassifier(alpha=_PROBE_RIDGE * charts))


def knn(charts: int) -> KNeighborsClassifier:
    """Return a vote of the 10 nearest training charts, or of all `charts` of fewer; the smaller class wins a tie."""
    return KNeighborsClassifier(min(_NEIGHBORS, charts))

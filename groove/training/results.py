"""After the last epoch: held-out retrieval with its reference points, and the library as the model sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from groove.config.schema import plain
from groove.embedding.embedded import EmbeddedLibrary, Provenance
from groove.embedding.encode import Vectors, blinded, encode
from groove.embedding.reference import raw_features
from groove.embedding.trained import weights_digest
from groove.io.files import write_json
from groove.model.fusion import LateFusionClassifier
from groove.retrieval.metrics import retrieval_metrics
from groove.runs.layout import CHECKPOINTS, LAST, RETRIEVAL_FILE
from groove.training.fit import Fit


def _untied(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `vectors` (N, E) with a trace of noise, so that equal ones have random neighbours, not the first rows."""
    return vectors + 1e-5 * np.random.default_rng(0).standard_normal(vectors.shape)


def retrieval_report(fit: Fit, final: Vectors, untrained: LateFusionClassifier) -> dict[str, Any]:
    """Return retrieval on the held-out charts within a difficulty and across, for `final` and its reference points."""
    val = fit.data.val
    spaces = {
        "pooled": final["pooled"].astype(float),
        "projection": final["projection"].astype(float),
        "epoch0_pooled": fit.monitor.reference["pooled"].double().numpy(),
        "epoch0_projection": fit.monitor.reference["projection"].double().numpy(),
        "untrained_pooled": encode(untrained, val, fit.data.store)["pooled"].astype(float),
        "blind_projection": _untied(encode(fit.module.model, val, fit.data.store, blinded)["projection"]),
        "raw_features": raw_features(val, fit.data.store),
        "radar": val.labels.radar,
    }
    within = {name: retrieval_metrics(x, val.labels) for name, x in spaces.items()}
    across = {name: retrieval_metrics(x, val.labels, within=False) for name, x in spaces.items()}
    return {"split": "val", "charts": len(val), "within_difficulty": within, "across_difficulties": across}


def write_retrieval(report: dict[str, Any], folder: Path) -> Path:
    """Write ``retrieval.json``; what is undefined (too few charts) is null."""
    path = folder / RETRIEVAL_FILE
    write_json(path, _without_nan(report))
    return path


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and value != value else value


def own_library(fit: Fit, fingerprint: str, vectors: Vectors) -> EmbeddedLibrary:
    """Return all charts of the library that `fit` trained on, embedded as `vectors`; `fingerprint` names it."""
    data = fit.data
    settings = plain(fit.cfg)["data"]
    last = fit.folder / CHECKPOINTS / LAST
    provenance = Provenance(
        checkpoint=str(last),
        checkpoint_digest=weights_digest(fit.module.model.state_dict()),
        experiment=fit.cfg.experiment.name,
        songs=settings["songs"] or settings["generated"]["root"],
        library=fingerprint,
        trained_on=fingerprint,
    )
    table = data.catalogue.append_column("split", pa.array(data.split, pa.string()))
    return EmbeddedLibrary(table, vectors, settings["radar"], settings["classes"], data.scaler, provenance)

"""What a finished fit gives: retrieval, embeddings, the verdict and its figure, and all of them in its logger."""

from __future__ import annotations

import json
import logging
import math
import shutil

import numpy as np
import pyarrow as pa
from rich.console import Console

from groove.charts.display import SHOWN
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.schema import flat, plain
from groove.embedding.embedded import EmbeddedLibrary, Provenance, save
from groove.embedding.encode import Vectors, blinded, encode
from groove.embedding.level import Level, fit_level, with_level
from groove.embedding.reference import raw_features
from groove.embedding.trained import weights_digest
from groove.features.catalogue import content_fingerprint
from groove.figures.training_curves import training_curves, write_figure
from groove.io.files import write_json
from groove.model.fusion import LateFusionClassifier
from groove.retrieval.blind import DRAWS, blind_gain
from groove.retrieval.metrics import retrieval_metrics
from groove.runs import metric_columns as columns
from groove.runs.folder import Run, load_run
from groove.runs.layout import CHECKPOINTS, LAST, LEVEL_FILE, RETRIEVAL_FILE, VERDICT_FILE
from groove.runs.verdict.indicator import Verdict
from groove.runs.verdict.verdict import judge, verdict_rows, verdict_table, write_verdict
from groove.training.fit import Fit

log = logging.getLogger(__name__)


def report(fit: Fit, untrained: LateFusionClassifier) -> None:
    """Write all results of a finished `fit`, show the verdict, and say where they lie.

    `untrained` is the same network before any training, a reference point.

    Raises:
        OSError: if the run folder cannot be written.
    """
    every = encode(fit.module.model, fit.data.charts, fit.data.store)
    held_out = {name: matrix[np.array(fit.data.split) == "val"] for name, matrix in every.items()}
    _write_retrieval(fit, held_out, untrained)
    level = _write_level(fit)
    embeddings = save(_own_library(fit, every, level), fit.folder)
    run = load_run(fit.folder)
    verdict = judge(run)
    figure = write_figure(run, fit.folder)
    _log_results(fit, held_out, run, verdict)
    console = Console(width=max(100, min(160, shutil.get_terminal_size((140, 40)).columns)))
    log.info(verdict.summary)
    console.print(verdict_table(verdict))
    write_verdict(verdict, fit.folder)  # last: its presence says that the run is complete
    log.info(f"verdict: {fit.folder / VERDICT_FILE}\nfigure:  {figure}\ncharts:  {embeddings}")
    if level is not None and level.held_out.mean is not None:
        log.info(f"level:   the meter, {level.held_out.mean:.2f} off on held-out charts: {fit.folder / LEVEL_FILE}")


def _write_retrieval(fit: Fit, held_out: Vectors, untrained: LateFusionClassifier) -> None:
    """Write ``retrieval.json``: held-out retrieval within a difficulty and across; what is undefined is null."""
    val, store = fit.data.val, fit.data.store
    blind = blind_gain(encode(fit.module.model, val, store, blinded)["projection"].astype(float), val.labels)
    spaces = {name: x.astype(float) for name, x in held_out.items()}
    spaces |= {f"epoch0_{name}": fit.monitor.reference[name].double().numpy() for name in held_out}
    spaces |= {
        "untrained_pooled": encode(untrained, val, store)["pooled"].astype(float),
        "raw_features": raw_features(val, store),
        "radar": val.labels.radar,
    }
    content = {
        "split": "val",
        "charts": len(val),
        "within_difficulty": {name: retrieval_metrics(x, val.labels) for name, x in spaces.items()},
        "blind": {"gain": blind.value, "gain_low": blind.low, "gain_high": blind.high, "draws": DRAWS},
        "across_difficulties": {name: retrieval_metrics(x, val.labels, within=False) for name, x in spaces.items()},
    }
    write_json(fit.folder / RETRIEVAL_FILE, json.loads(json.dumps(content), parse_constant=lambda nan: None))


def _write_level(fit: Fit) -> Level | None:
    """Write ``level.json``: the meter as the training charts' counts say it; return it, or None if they cannot."""
    level, path = fit_level(fit.data.catalogue, fit.data.split), fit.folder / LEVEL_FILE
    if level is None:
        path.unlink(missing_ok=True)
    else:
        write_json(path, level.model_dump())
    return level


def _own_library(fit: Fit, vectors: Vectors, level: Level | None) -> EmbeddedLibrary:
    """Return all charts of the library that was trained on, embedded as `vectors`, with `level`."""
    data, settings = fit.data, fit.cfg.data
    fingerprint = content_fingerprint(data.catalogue)
    provenance = Provenance(
        checkpoint=str(fit.folder / CHECKPOINTS / LAST),
        checkpoint_digest=weights_digest(fit.module.model.state_dict()),
        experiment=fit.cfg.experiment.name,
        songs=settings.songs or settings.generated.root,
        library=fingerprint,
        trained_on=fingerprint,
    )
    return EmbeddedLibrary(
        table=with_level(data.catalogue.append_column("split", pa.array(data.split, pa.string())), level),
        vectors=vectors,
        family=settings.radar,
        classes=settings.classes,
        scaler=data.scaler,
        provenance=provenance,
        weights=fit.module.model.parts.weights,
        level_error=None if level is None else level.error(own=True),
    )


def _log_results(fit: Fit, held_out: Vectors, run: Run, verdict: Verdict) -> None:
    """Log held-out embeddings, figure, verdict, and the settings beside the final numbers; then close the logger."""
    logger, epochs = fit.logger, fit.cfg.experiment.epochs
    about = [
        [*(" ".join(str(text).split()) for text in row.values()), *(f"{value:.0f}" for value in radar)]
        for row, radar in zip(fit.data.rows["val"].select(SHOWN).to_pylist(), fit.data.val.radar, strict=True)
    ]
    vectors = {name: held_out[name].astype(np.float32) for name in ("projection", "pooled")}
    logger.log_vectors(vectors, [*SHOWN, *RADAR_AXES], about, epochs)
    logger.log_figure("training_curves", training_curves(run), epochs)
    logger.log_verdict(*verdict_rows(verdict), epochs)
    shown = (columns.ACCURACY, columns.gain("pooled"), columns.gain("projection"), columns.COSINE)
    final = {name: value for name in shown if not math.isnan(value := run.final(name))}
    logger.log_result(flat(plain(fit.cfg)), final)
    logger.close()

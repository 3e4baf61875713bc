"""Embed a library with a trained model: ``python -m groove.embed run=DIR songs=DIR``.

Every chart gets its vectors, its radar, its level (the meter predicted, with one decimal) and what else is known of it,
in one Parquet file beside the run. The other commands that use a run (`groove.recommend`, `groove.evaluate`,
`groove.explore`, `groove.export`) do the same by themselves. Without ``songs=`` it is the library that the run was
trained on, as it was then. ``out=FILE.parquet`` writes the file to a place of your choice; what is in it says
`groove.embedding.embedded`. ``levels=FILE.json`` measures how well the meter is predicted, beside other ways.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from groove.cli.entry import run_main
from groove.config.schema import EmbedConfig
from groove.errors import ConfigError, LibraryError
from groove.io.files import write_json, writing

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.level import Compared, LevelError

log = logging.getLogger("groove.embed")
_LEAST = 100
"""Columns of the table of errors where no terminal says how many there are."""


def run(cfg: EmbedConfig) -> None:
    """Embed the library and say what there is and where.

    Raises:
        GrooveError: if the run, the library, `out` or `levels` cannot be used.
    """
    from groove.embedding.embedded import save_as
    from groove.embedding.library import about, embedded

    start = time.perf_counter()
    for key, given, suffix in (("out", cfg.out, ".parquet"), ("levels", cfg.levels, ".json")):
        if given and Path(given).suffix != suffix:
            raise ConfigError(f"{key}={given} must end in {suffix}")
    library, path = embedded(cfg)
    log.info(about(library))
    if cfg.levels and not (library.provenance.own and {"train", "val"} <= set(library.column("split"))):
        where = library.provenance.songs
        raise LibraryError(f"levels={cfg.levels} needs the library that the run was trained on, this one is {where}")
    if cfg.out:
        path = Path(cfg.out)
        with writing(path):
            save_as(library, path)
    sizes = ", ".join(f"{name} ({matrix.shape[1]} numbers)" for name, matrix in library.vectors.items())
    log.info(f"{len(library)} charts, each with {sizes}: {path}")
    if library.level_error is not None:
        where = "songs" if library.provenance.own else "packs"
        log.info(f"level: the meter predicted, {library.level_error:.2f} off on average on {where} not fitted on")
    if cfg.levels:
        measure_levels(cfg, library, Path(cfg.levels))
    log.info(f"{time.perf_counter() - start:.1f} s")


def measure_levels(cfg: EmbedConfig, library: EmbeddedLibrary, out: Path) -> None:
    """Print how far off the meter is as predicted in every way, on the run's own `library`, and write it to `out`."""
    from groove.embedding.level import compared
    from groove.embedding.library import trained_and_catalogue
    from groove.embedding.reference import whole_counts

    trained, catalogue, _ = trained_and_catalogue(cfg)
    counts = whole_counts(library, catalogue.store, trained.settings.features.frames_per_beat)
    found = compared(library.table, library.space("pooled").astype(float), counts, cfg.threads)
    show(found)
    content = {name: {key: e and e.model_dump() for key, e in way._asdict().items()} for name, way in found.items()}
    with writing(out):
        write_json(out, content)
    log.info(f"errors of the meter, in levels: {out}")


def show(found: dict[str, Compared]) -> None:
    """Print the errors by way: on held-out songs and on packs not fitted on, as they are and beside their pack's."""
    from rich.table import Table

    from groove.cli.console import table_console

    table = Table("", title="how far off the meter is, in levels: on average, and share within 1")
    for column in ("held-out songs", "beside the pack", "other packs", "beside the pack"):
        table.add_column(column, justify="right")
    for name, (held_out, other_packs) in found.items():
        table.add_row(name, *_cells(held_out), *_cells(other_packs))
    table_console(_LEAST).print(table)


def _cells(error: LevelError | None) -> tuple[str, str]:
    """Return mean and share within one level, as they are and beside the pack's; a dash where there is none."""

    def cell(mean: float | None, share: float | None) -> str:
        return "-" if mean is None or share is None else f"{mean:.2f}  {share:.0%}"

    if error is None:
        return "-", "-"
    return cell(error.mean, error.within_1), cell(error.in_pack, error.in_pack_within_1)


if __name__ == "__main__":
    run_main(run, config_name="embed", schema=EmbedConfig)

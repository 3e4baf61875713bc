"""Embed a library with a trained model: ``python -m groove.embed run=DIR songs=DIR``.

Every chart gets its vectors, its radar and what else is known of it, in one Parquet file beside the run. The other
commands that use a run (`groove.recommend`, `groove.evaluate`, `groove.explore`, `groove.export`) do the same by
themselves. Without ``songs=`` it is the library that the run was trained on, as it was then. ``out=FILE.parquet``
writes the file to a place of your choice; what is in it says `groove.embedding.embedded`.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from groove.cli.entry import run_main
from groove.config.schema import EmbedConfig
from groove.errors import ConfigError
from groove.io.files import writing

log = logging.getLogger("groove.embed")


def run(cfg: EmbedConfig) -> None:
    """Embed the library and say what there is and where."""
    from groove.embedding.embedded import save_as
    from groove.embedding.library import about, embedded

    start = time.perf_counter()
    if cfg.out and Path(cfg.out).suffix != ".parquet":
        raise ConfigError(f"out={cfg.out} must end in .parquet")
    library, path = embedded(cfg)
    log.info(about(library))
    if cfg.out:
        path = Path(cfg.out)
        with writing(path):
            save_as(library, path)
    sizes = ", ".join(f"{name} ({matrix.shape[1]} numbers)" for name, matrix in library.vectors.items())
    log.info(f"{len(library)} charts, each with {sizes}: {path}\n{time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    run_main(run, config_name="embed", schema=EmbedConfig)

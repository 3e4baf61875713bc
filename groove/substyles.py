"""Find styles inside each difficulty class: ``python -m groove.substyles run=DIR songs=DIR out=DIR``.

Charts that a trained model sees close together are clustered, class by class; the number of clusters is chosen (one is
a possible answer), and each is named by what sets it apart. Into `out` go ``substyles.csv`` (a row per chart),
``substyles.json`` (all numbers), ``substyles.txt`` (preferred songs for the game) and ``substyles.png``. The
method: `groove.styles.clusters`.
"""

from __future__ import annotations

import logging
import time

from groove.cli.console import progress
from groove.cli.entry import run_main
from groove.config.schema import SubstylesConfig
from groove.embedding.library import about, embedded

log = logging.getLogger("groove.substyles")


def run(cfg: SubstylesConfig) -> None:
    """Find the sub-styles, print them, and write table, numbers, songs and figure.

    Raises:
        GrooveError: if the run, the library or `out` cannot be used.
    """
    library, _ = embedded(cfg)
    start = time.perf_counter()
    from threadpoolctl import threadpool_limits

    from groove.styles.division import substyles
    from groove.styles.output import report, write

    with threadpool_limits(cfg.threads), progress() as on_step:
        classes = substyles(library, cfg.space, cfg.seed, cfg.largest, on_step)
    log.info(about(library))
    report(library, classes)
    write(library, classes, cfg)
    log.info(f"{time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    run_main(run, config_name="substyles", schema=SubstylesConfig)

"""Draw a library as a map: ``python -m groove.explore run=DIR [songs=DIR] out=explore.html``.

One file for any browser, offline: every chart a point, near what the model finds near; its radar, its neighbors,
search and filters. Without ``songs=`` it is the library that the run was trained on.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from groove.cli.console import progress
from groove.cli.entry import run_main
from groove.config.schema import ExploreConfig
from groove.embedding.library import about, embedded
from groove.errors import ConfigError
from groove.io.files import write_bytes, writing

SLOW = 10_000
"""Charts from which on t-SNE takes a minute or more of one core (20,000: two)."""
log = logging.getLogger("groove.explore")


def run(cfg: ExploreConfig) -> None:
    """Embed the library, lay it out, find every chart's neighbors, write the page and say where.

    Raises:
        GrooveError: if the run, the library or `out` cannot be used.
    """
    start = time.perf_counter()
    out = Path(cfg.out)
    if out.is_dir():
        raise ConfigError(f"out={out} is a folder; give the name of a file, as {out / 'explore.html'}")
    library, _ = embedded(cfg)
    log.info(about(library))
    from threadpoolctl import threadpool_limits

    from groove.explorer.map_layout import map_of
    from groove.explorer.notes import notes_of_charts
    from groove.explorer.page import html, page_data
    from groove.retrieval.search import nearest_of_other_songs
    from groove.styles.division import with_substyles

    if cfg.substyles and len(library) <= SLOW:
        with threadpool_limits(cfg.threads):
            library = with_substyles(library, cfg.space, cfg.seed)
    vectors = library.space(cfg.space)
    slow = cfg.method == "tsne" and len(library) > SLOW
    warning = "; this takes minutes, method=pca a second" if slow else ""
    log.info(f"laying out {len(library)} charts by {cfg.method}{warning}")
    xy, how = map_of(vectors, cfg.method, cfg.seed, cfg.threads)
    neighbors = nearest_of_other_songs(vectors, library.song, cfg.neighbors, cfg.threads)
    with progress() as on_step:
        notes, unread = notes_of_charts(library, Path(library.provenance.songs), cfg.workers, on_step)
    page = html(page_data(library, cfg.space, xy, how, neighbors, notes)).encode()
    with writing(out):
        write_bytes(out, page)
    log.info(f"map: {how}")
    if unread:
        log.info(
            f"{unread} of {len(library)} charts are shown without their notes: not read in {library.provenance.songs}"
        )
    print(f"{len(page) / 1e6:.1f} MB, {time.perf_counter() - start:.1f} s; open it in a browser: {out}")


if __name__ == "__main__":
    run_main(run, config_name="explore", schema=ExploreConfig)

"""groove: step charts that feel alike lie close together, measured.

What the commands do, from Python::

    import groove

    model = groove.load_run("outputs/demo/3_c")                  # a run folder, or what groove.export wrote
    library = groove.embed_charts(model, "Songs")                # .vectors, .radar, .table of every chart
    groove.find_neighbors(library, "Title [Hard]", k=5)          # a dict for each answer
    groove.chart_radars("Songs/Pack/Song/song.ssc")              # both radars of every chart

A mistake raises `GrooveError`, whose text is the line that the command prints. Nothing heavy is imported before a
function needs it. The functions have two words, as one word is a command: `groove.radar` is ``python -m groove.radar``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groove.errors import GrooveError

if TYPE_CHECKING:
    from groove.embedding.embedded import EmbeddedLibrary
    from groove.embedding.trained import TrainedModel

__all__ = ["GrooveError", "chart_radars", "embed_charts", "find_neighbors", "load_embeddings", "load_run"]


def load_run(path: str | Path) -> TrainedModel:
    """Return the model of a run folder (its last epoch), of a ``.ckpt`` file, or of a folder that groove.export wrote.

    Raises:
        GrooveError: if there is none, or it cannot be read.
    """
    from groove.embedding.trained import load_trained

    return load_trained(Path(path))


def load_embeddings(path: str | Path) -> EmbeddedLibrary:
    """Return the library that a run was trained on, as its ``embeddings.parquet`` keeps it; torch is not needed.

    Raises:
        GrooveError: if there is no such file, or it is not one of groove's.
    """
    from groove.embedding.embedded import load
    from groove.runs.layout import EMBEDDINGS_FILE

    path = Path(path)
    return load(path / EMBEDDINGS_FILE if path.is_dir() else path)


def embed_charts(
    model: TrainedModel, songs: str | Path | None = None, store: str | Path = "outputs/store", workers: int = 2
) -> EmbeddedLibrary:
    """Return charts as `model` sees them: ``.vectors`` (``pooled`` and ``projection``), ``.radar``, ``.table``.

    `songs` is a folder of packs, a simfile, or the folder of one song; None is the library of the model's training.
    Features of the charts are kept in `store` and computed by `workers` processes.

    Raises:
        GrooveError: if a setting cannot be, there are no such songs, or none of their charts can be used.
    """
    from groove.config.schema import RunConfig, checked
    from groove.embedding.library import catalogue_of, embedded_catalogue, embedded_simfile
    from groove.embedding.outside import is_of_one_song

    where = None if songs is None else str(songs)
    cfg = checked({"run": str(model.path), "songs": where, "store": str(store), "workers": workers}, RunConfig)
    if songs is not None and is_of_one_song(Path(songs)):
        return embedded_simfile(cfg, Path(songs), model)
    return embedded_catalogue(model, *catalogue_of(model.settings, cfg))[0]


def find_neighbors(
    library: EmbeddedLibrary,
    chart: str | None = None,
    k: int = 10,
    *,
    simfile: EmbeddedLibrary | None = None,
    radar: Mapping[str, float | str] | None = None,
    space: str = "projection",
    same_song: bool = False,
    weights: Mapping[str, float] | None = None,
    **filters: Any,
) -> list[dict[str, Any]]:
    """Return the `k` charts of `library` nearest to a query, nearest first, as ``python -m groove.recommend`` does.

    Of each chart: what it is, its distance and radar, and the reason.

    Args:
        library: of `embed_charts` or `load_embeddings`.
        chart: the query, a chart of the library: ``Title [Hard]``; of `simfile` where that is given.
        k: how many.
        simfile: charts that are not in the library, of `embed_charts`.
        radar: in place of a chart: a number, or low, medium or high, by axis: ``{"stream": "high", "air": 20}``;
            beside one a filter, a range by axis.
        weights: of the parts of an embedding that has several, by name.
        space: `projection` or `pooled`.
        same_song: whether other charts of the query's own song may be named.
        filters: `difficulty` ("same" by default, "any", names of slots), `meter`, `bpm`, `length`, `stream`, `pack`,
            `step_artist`, `description`, `tags`, `technique` (ranges by name), `harder`.

    Raises:
        GrooveError: if a setting cannot be, there is no such chart, or no chart passes the filters.
    """
    from groove.config.schema import RecommendConfig, checked
    from groove.retrieval.answers import answer_table, find_query, recommend

    given = {"chart": chart, "k": k, "space": space, "same_song": same_song, "radar": dict(radar or {}), **filters}
    cfg = checked({"run": ".", "weights": dict(weights or {}), **given}, RecommendConfig)
    wanted = cfg.radar.model_dump(exclude_none=True)
    query, among = find_query(library, chart, simfile, wanted, space, filters, cfg.weights.model_dump())
    return answer_table(library, query, recommend(library, query, k, among, same_song)).to_pylist()


def chart_radars(simfile: str | Path) -> list[dict[str, Any]]:
    """Return what each chart of a simfile (or of the only one in a song's folder) is, and both of its radars.

    Raises:
        GrooveError: if there is no such file, or it holds no chart that can be read.
    """
    from groove.charts.radar.groove_radar import RADAR_AXES, groove_radar
    from groove.charts.simfile.reader import read_simfile
    from groove.embedding.outside import the_simfile
    from groove.errors import AudioError
    from groove.io.decoding import audio_length

    path = the_simfile(Path(simfile)).resolve()
    charts, left_out = read_simfile(path, path.parent)
    if not charts:
        raise GrooveError(f"no chart of {path} can be used: {'; '.join(entry.reason for entry in left_out)}")
    found = []
    for chart in charts:
        seconds = None
        with suppress(AudioError):
            seconds = audio_length(path.parent / chart.music) if chart.music else None
        radar = groove_radar(chart, seconds)
        about = {name: getattr(chart, name) for name in ("title", "artist", "steps_type", "difficulty", "meter")}
        both = {"konami": radar.konami, "stepmania": radar.stepmania}
        found.append(about | {name: dict(zip(RADAR_AXES, x.tolist(), strict=True)) for name, x in both.items()})
    return found

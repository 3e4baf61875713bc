"""Write the groove radar of every chart of a library: ``python -m groove.radar songs=DIR out=radar.csv``.

One row per chart: where it is from, both radars (`konami_*` and `stepmania_*`, different features that share names) and
the raw elements behind them. Next to `out` lies ``left_out.csv``: every file and chart that was not read, and why.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from groove.charts.chart import Chart
from groove.charts.files import write_csv
from groove.charts.library import Library, count_reasons, reasons_line, scan, song_identities, write_left_out
from groove.charts.radar import FAMILIES, RADAR_AXES, GrooveRadar, groove_radar
from groove.config import run_main
from groove.errors import LibraryError

CHART_COLUMNS = ("simfile", "pack", "title", "artist", "steps_type", "difficulty", "meter")
RADAR_COLUMNS = tuple(f"{family}_{axis}" for family in FAMILIES for axis in RADAR_AXES)
DECIMALS = 6


@dataclass
class RadarConfig:
    """Schema of `conf/radar.yaml`; both paths are relative to the current directory."""

    songs: str = MISSING
    out: str = "radar.csv"
    steps_types: list[str] = field(default_factory=lambda: ["dance-single"])


def run(cfg: RadarConfig) -> None:
    """Scan, compute, write and say what was done.

    Raises:
        LibraryError: if there is no song folder, no simfile or no chart in it, or `out` cannot be written.
    """
    out = Path(cfg.out)
    library = _scan(Path(cfg.songs), list(cfg.steps_types))
    lengths = {
        music: audio_seconds(library.root / music) for music in {chart.music for chart in library.charts} if music
    }
    radars = [groove_radar(chart, lengths.get(chart.music or "")) for chart in library.charts]
    if not radars:
        raise LibraryError(
            f"no {' or '.join(cfg.steps_types)} chart in '{cfg.songs}': {reasons_line(library.left_out)}"
        )
    left_out_path = out.with_name("left_out.csv")
    try:
        write_csv(out, _header(radars[0]), (_row(*pair) for pair in zip(library.charts, radars, strict=True)))
        write_left_out(library.left_out, left_out_path)
    except OSError as error:
        raise LibraryError(f"out='{out}' cannot be written: {error.strerror}") from error
    _report(library, lengths, out, left_out_path)


def _scan(root: Path, steps_types: list[str]) -> Library:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(transient=True, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("simfiles", total=None)
        return scan(root, steps_types, lambda done, total: progress.update(task, completed=done, total=total))


def audio_seconds(path: Path) -> float | None:
    """Return the length of an audio file in seconds from its header, or None if it cannot be told."""
    import soundfile

    try:
        seconds = float(soundfile.info(str(path)).duration)
    except (soundfile.SoundFileError, OSError):
        return None
    return seconds if seconds > 0 else None


def _header(radar: GrooveRadar) -> tuple[str, ...]:
    return (*CHART_COLUMNS, *RADAR_COLUMNS, *radar.elements)


def _row(chart: Chart, radar: GrooveRadar) -> list[object]:
    values = [*radar.konami.tolist(), *radar.stepmania.tolist(), *radar.elements.values()]
    return [*(getattr(chart, column) for column in CHART_COLUMNS), *(round(value, DECIMALS) for value in values)]


def _report(library: Library, lengths: dict[str, float | None], out: Path, left_out_path: Path) -> None:
    """Print what was found, what was left out and where the files lie."""
    songs = len(set(song_identities(library.charts)))
    difficulties = Counter(chart.difficulty for chart in library.charts)
    print(
        f"{len(library.charts)} charts of {songs} songs: "
        + ", ".join(f"{n} {name}" for name, n in difficulties.items())
    )
    unread = sum(seconds is None for seconds in lengths.values())
    without = sum(not lengths.get(chart.music or "") for chart in library.charts)
    print(f"{without} charts without a known audio length ({unread} audio files unreadable): ", end="")
    print("their stepmania values take #MUSICLENGTH, else the end of the last measure")
    print(f"{len(library.left_out)} left out:")
    for reason, count in count_reasons(library.left_out).items():
        print(f"  {count:6d}  {reason}")
    print(f"radar:    {out}\nleft out: {left_out_path}")


if __name__ == "__main__":
    run_main(run, config_name="radar", schema=RadarConfig)

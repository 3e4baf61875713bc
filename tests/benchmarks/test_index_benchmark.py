"""10,000 songs scanned and prepared: ratios to a plain loop over `simfile` and to the first time; peak memory.

``make bench``; not part of the default run. The library is made of links to the real songs of ``../shared``, or to
generated ones where those are not there. The plain loop reads one in twenty of the same songs, since all of them would
take it many minutes, and its time is multiplied.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from tests.shared import SHARED

SONGS = 10_000
SAMPLE = 20
WORKERS = 2
LIBRARY = SHARED / "library"
RUN = """
import json, resource, sys, time
from pathlib import Path
from groove.charts.library.scan import scan
from groove.config.schema import FeaturesConfig
from groove.features.preparation import prepare_library
if __name__ == "__main__":
    what, songs, cache, workers = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    start = time.perf_counter()
    if what == "scan":
        library = scan(songs, cache=cache, workers=workers)
        _ = library.identity
        found = {"read": library.read, "charts": len(library.charts)}
    else:
        found = {"computed": prepare_library(songs, cache, FeaturesConfig(), workers=workers).computed}
    seconds = time.perf_counter() - start
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(of).ru_maxrss for of in who)
    print(json.dumps({"s": seconds, "mb": peak / 1024, **found}))
"""


def real_simfiles(folder: Path) -> list[Path]:
    """Return the simfiles that the library is made of, those of one folder beside each other."""
    if LIBRARY.is_dir():
        return sorted(path for path in LIBRARY.rglob("*") if path.suffix in (".sm", ".ssc"))
    from groove.charts.generated.write import write_library

    write_library(folder / "generated", seed=0, songs=60, workers=WORKERS)
    return sorted((folder / "generated").rglob("*.ssc"))


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("large")
    sources = real_simfiles(root)
    for number in range(SONGS):
        source = sources[number % len(sources)]
        folder = root / "Songs" / f"Pack {number // 100:03d}" / f"Song {number:05d}"
        folder.mkdir(parents=True)
        (folder / source.name).symlink_to(source)
    return root


def run(library: Path, cache: str, songs: str = "Songs", what: str = "scan") -> dict[str, float]:
    """Return seconds, peak memory of the largest process, and counts of one scan or preparation in a new process."""
    script = library / "run.py"  # a file, as the workers are spawned
    script.write_text(RUN)
    command = [sys.executable, "-W", "ignore", str(script), what, str(library / songs), str(library / cache)]
    done = subprocess.run(
        [*command, str(WORKERS)], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": "."}
    )
    return json.loads(done.stdout)


def plain_loop(root: Path) -> float:
    """Return the seconds that `simfile` takes to iterate the notes with their times of every `SAMPLE`th song."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import simfile
        from simfile.notes import NoteData
        from simfile.notes.timed import time_notes
        from simfile.timing import TimingData
    start = time.perf_counter()
    for path in sorted(root.glob("*/*/*.s*"))[::SAMPLE]:
        try:
            song = simfile.open(str(path), strict=False)
            for chart in song.charts:
                for _ in time_notes(NoteData(chart), TimingData(song, chart)):
                    pass
        except Exception:
            continue
    return (time.perf_counter() - start) * SAMPLE


def test_scan_of_10_000_songs(benchmark, library: Path) -> None:
    small = library / "Few"
    small.mkdir(exist_ok=True)
    for pack in range(10):
        (small / f"Pack {pack}").symlink_to(library / "Songs" / f"Pack {pack:03d}")
    few = run(library, "cache-few", songs="Few")
    plain = plain_loop(library / "Songs")
    first = benchmark.pedantic(run, (library, "cache"), rounds=1)
    again = min((run(library, "cache") for _ in range(3)), key=lambda found: found["s"])
    for number in range(0, SONGS, SONGS // 10):
        (library / "Songs" / f"Pack {number // 100:03d}" / f"Song {number:05d}" / "note.txt").write_text("changed")
    changed = run(library, "cache")
    found = {
        "charts": first["charts"],
        "plain_s_extrapolated": round(plain, 1),
        "first_s": round(first["s"], 2),
        "times_faster_than_plain": round(plain / first["s"], 1),
        "second_s": round(again["s"], 2),
        "first_over_second": round(first["s"] / again["s"], 1),
        "ten_changed_s": round(changed["s"], 2),
        "peak_mb_1000_songs": round(few["mb"]),
        "peak_mb_10000_songs": round(first["mb"]),
    }
    benchmark.extra_info.update(found)
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    assert (first["read"], again["read"], changed["read"]) == (SONGS, 0, 10)
    assert found["times_faster_than_plain"] >= 5
    assert found["first_over_second"] >= 50
    assert first["mb"] < 1000


def test_prepare_of_10_000_unchanged_songs(benchmark, library: Path) -> None:
    first = run(library, "store", what="prepare")
    again = benchmark.pedantic(run, (library, "store"), {"what": "prepare"}, rounds=3)
    ratio = benchmark.stats.stats.min / first["s"]
    print(f"first {first['s']:.1f} s, again {benchmark.stats.stats.min:.1f} s: {ratio:.3f}")
    benchmark.extra_info.update(first_s=round(first["s"], 1), again_over_first=round(ratio, 3))
    assert first["computed"] > 0 and again["computed"] == 0
    assert ratio < 1 / 20

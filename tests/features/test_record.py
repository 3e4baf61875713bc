"""One song that fails, or ends its process, is reported and the others are computed."""

import os

import pytest

from groove.charts.library.scan import scan
from groove.config.schema import FeaturesConfig
from groove.features.preparation import simfile_tasks
from groove.features.record import compute_all
from groove.features.store import FeatureStore
from tests.builders import measures, steady, write_song


class EndsTheProcess:
    """Ends the process that unpickles it, as a crash in a decoder would."""

    def __reduce__(self):
        return os._exit, (1,)


def tasks_of(tmp_path, songs):
    for song in range(songs):
        notes = steady(4, 2 + song)
        write_song(tmp_path / "songs", song=f"S{song}", charts=[("Easy", 1, notes)])
    return simfile_tasks(scan(tmp_path / "songs"), FeaturesConfig())


def test_a_failing_song_is_reported_with_its_cause(tmp_path):
    tasks = tasks_of(tmp_path, 3)
    tasks[1].audio[0] = None
    store = FeatureStore(tmp_path / "store")
    outcomes = dict((task.key, reason) for task, reason in compute_all(tasks, FeaturesConfig(), store, 1))
    assert [bool(outcomes[task.key]) for task in tasks] == [False, True, False]
    assert outcomes[tasks[1].key].startswith("failed: AttributeError: 'NoneType'")
    assert [store.has(task.key) for task in tasks] == [True, False, True]


@pytest.mark.slow
def test_a_song_that_ends_its_process_is_found_and_the_others_are_computed(tmp_path):
    tasks = tasks_of(tmp_path, 4)
    tasks[1].audio.append(EndsTheProcess())
    store = FeatureStore(tmp_path / "store")
    outcomes = dict((task.key, reason) for task, reason in compute_all(tasks, FeaturesConfig(), store, 2))
    assert [outcomes[task.key] for task in tasks] == ["", "failed: crashed the process that computed it", "", ""]
    assert [store.has(task.key) for task in tasks] == [True, False, True, True]


def test_workers_give_the_same_bytes_as_one(tmp_path):
    write_song(tmp_path / "songs", song="Loud", charts=[("Hard", 9, measures("1000 0100 2001 3000"))], music_seconds=3)
    tasks = tasks_of(tmp_path, 1)
    for workers in (1, 2):
        list(compute_all(tasks, FeaturesConfig(), FeatureStore(tmp_path / str(workers)), workers))
    names = [path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*") if path.is_file()]
    assert len(names) == 5  # 2 records, 2 charts, 1 audio
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()

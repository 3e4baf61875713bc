"""What has its final name is whole: killed runs, races, and leftovers."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from groove.config.schema import AudioConfig, FeaturesConfig
from groove.errors import LibraryError
from groove.features.store import STALE_S, FeatureStore, finite_array, load_array, record_key

KEY = "ab" + "0" * 62
ARRAYS = {"chart_0.npy": np.arange(6, dtype=np.float16).reshape(3, 2)}


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_what_is_written_is_read_back_mapped(tmp_path):
    store = FeatureStore(tmp_path)
    assert not store.has(KEY)
    store.write(KEY, [{"index": 0, "bpm": 0.1 + 0.2}], ARRAYS)
    assert store.has(KEY)
    assert store.read(KEY) == [{"index": 0, "bpm": 0.1 + 0.2}]
    array = load_array(tmp_path, store.path(KEY, "chart_0.npy"))
    assert isinstance(array, np.memmap)
    assert array.tolist() == ARRAYS["chart_0.npy"].tolist()
    assert files(tmp_path) == [f"ab/{KEY}/chart_0.npy", f"ab/{KEY}/record.json"]


def test_a_finished_record_is_never_rewritten(tmp_path):
    store = FeatureStore(tmp_path)
    store.write(KEY, [{"index": 0}], ARRAYS)
    store.write(KEY, [{"index": 99}], {})
    assert store.read(KEY) == [{"index": 0}]
    assert not list((tmp_path / ".part").iterdir())


def test_an_interrupted_write_leaves_no_record(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(tmp_path).write(KEY, [], ARRAYS)
    assert not FeatureStore(tmp_path).has(KEY)
    assert files(tmp_path) == []


def test_a_killed_process_leaves_no_record_and_its_part_is_cleaned_when_old(tmp_path):
    script = f"""
import os, numpy as np
from pathlib import Path
from groove.features.store import FeatureStore
Path.rename = lambda *_: os._exit(9)
FeatureStore(Path({str(tmp_path)!r})).write({KEY!r}, [], {{"a.npy": np.zeros(3)}})
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    store = FeatureStore(tmp_path)
    assert not store.has(KEY)
    (part,) = (tmp_path / ".part").iterdir()
    store.clean()  # it could belong to a run that goes on
    assert part.exists()
    old = time.time() - STALE_S - 1
    os.utime(part, (old, old))
    store.clean()
    assert not part.exists()
    store.write(KEY, [], {})
    assert store.has(KEY)


def test_the_key_depends_on_everything_a_record_is_made_of():
    settings = FeaturesConfig()
    base = record_key([(0, "c")], ["audio"], settings)
    assert base == record_key([(0, "c")], ["audio"], FeaturesConfig())
    others = [
        record_key([(1, "c")], ["audio"], settings),
        record_key([(0, "d")], ["audio"], settings),
        record_key([(0, "c")], ["no audio file"], settings),
        record_key([(0, "c")], ["audio"], FeaturesConfig(frames_per_beat=8)),
        *(
            record_key([(0, "c")], ["audio"], FeaturesConfig(audio=AudioConfig(**{name: value})))
            for name, value in (("sample_rate", 16000), ("n_fft", 4096), ("hop_length", 256), ("n_mels", 32))
        ),
    ]
    assert len({base, *others}) == 1 + len(others)


@pytest.mark.parametrize("content", [None, b"", b"no array", b"half"])
def test_an_array_that_is_gone_or_damaged_is_one_line_with_the_folder_to_remove(tmp_path, content):
    store = FeatureStore(tmp_path)
    store.write(KEY, [], ARRAYS)
    path = tmp_path / store.path(KEY, "chart_0.npy")
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(whole[:-4] if content == b"half" else content)
    for read in (lambda name: load_array(tmp_path, name), lambda name: finite_array(tmp_path, name)):
        with pytest.raises(LibraryError) as caught:
            read(store.path(KEY, "chart_0.npy"))
        text = str(caught.value)
        assert f"'{path}'" in text and f"delete the folder '{path.parent}'" in text and "\n" not in text
        assert ("No such file" in text) == (content is None)


def test_numbers_that_are_not_finite_are_found_when_asked_for(tmp_path):
    store = FeatureStore(tmp_path)
    store.write(KEY, [], {"a.npy": np.array([[1.0, np.inf]], dtype=np.float16), **ARRAYS})
    assert load_array(tmp_path, store.path(KEY, "a.npy")).shape == (1, 2)
    with pytest.raises(LibraryError, match="not finite"):
        finite_array(tmp_path, store.path(KEY, "a.npy"))
    assert finite_array(tmp_path, store.path(KEY, "chart_0.npy")).shape == (3, 2)

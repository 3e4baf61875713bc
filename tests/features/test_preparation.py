"""From a folder of songs to the catalogue, whole or in shards: what it holds, shares, leaves out, does not do again."""

import csv
import hashlib
import itertools
import os
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

from groove.charts.flow import PROFILE, density_profile
from groove.charts.library import identity
from groove.charts.library.scan import count_reasons
from groove.charts.library.walk import LeftOut
from groove.charts.radar.groove_radar import RADAR_AXES, groove_radar
from groove.charts.technique.counting import Technique, technique
from groove.config.schema import FeaturesConfig
from groove.errors import AudioError, LibraryError
from groove.features import preparation, record
from groove.features.catalogue import load
from groove.features.preparation import Shard, prepare_library, prepare_shard
from tests.builders import measures, settle, ssc_text, steady, write_song
from tests.scans import plain_scan

EASY = ("Easy", 2, steady(4, 2))
HARD = ("Hard", 9, steady(32, 3))
MANY = 9
COPY = "same notes as in another simfile"
SECONDS = 7
COUNTS = [field.name for field in fields(Technique)]


@pytest.fixture
def songs(tmp_path):
    root = tmp_path / "Songs"
    write_song(root, song="Loud", charts=[EASY, HARD], music_seconds=SECONDS, offset=-0.5)
    write_song(root, song="Mute", charts=[("Medium", 5, steady(8, 2))], bpms="0=100,1=200")
    return root


def prepare(songs, store=None, **settings):
    features = settings.pop("features", FeaturesConfig())
    return prepare_library(songs, store or songs.parent / "store", features, **settings)


def rows(catalogue):
    return {(row["title"], row["difficulty"]): row for row in catalogue.table.to_pylist()}


def test_the_rows_say_what_the_charts_are(songs):
    catalogue = prepare(songs)
    table = rows(catalogue)
    assert list(table) == [("Loud", "Easy"), ("Loud", "Hard"), ("Mute", "Medium")]
    hard = table["Loud", "Hard"]
    assert hard["chart_id"] == "Pack/Loud/Loud.ssc#1"
    assert (hard["frames"], hard["merged_rows"], hard["has_audio"]) == (48, 48, True)
    assert hard["length_s"] == pytest.approx((12 - 1 / 8) / 2)
    assert (hard["bpm"], table["Mute", "Medium"]["bpm"]) == (120, 200)
    assert table["Mute", "Medium"]["audio_reason"] == "no audio file"
    assert (table["Mute", "Medium"]["has_audio"], table["Mute", "Medium"]["audio_path"]) == (False, "")
    assert len({row["identity"] for row in table.values()}) == 2
    assert catalogue.left_out == []


def test_the_radar_is_that_of_the_chart_and_the_length_of_the_audio(songs):
    table = rows(prepare(songs))
    for chart in plain_scan(songs).charts:
        row = table[chart.title, chart.difficulty]
        radar = groove_radar(chart, SECONDS if chart.music else None)
        np.testing.assert_allclose([row[f"konami_{axis}"] for axis in RADAR_AXES], radar.konami)
        np.testing.assert_allclose([row[f"stepmania_{axis}"] for axis in RADAR_AXES], radar.stepmania)
        assert {name: row[name] for name in radar.elements} == pytest.approx(radar.elements)


def test_what_the_feet_do_and_the_density_profile_are_those_of_the_chart(songs):
    write_song(songs, song="Cross", charts=[("Hard", 9, measures("1000 0100 0001 0100 1000 0000 0000 0000"))])
    write_song(songs, song="Two", charts=[("Hard", 9, measures("10000001 00000001"))], steps_type="dance-double")
    table = rows(prepare(songs, steps_types=["dance-single", "dance-double"]))
    assert table["Cross", "Hard"]["technique_crossovers"] == 1 and table["Cross", "Hard"]["technique_steps"] == 5
    for chart in plain_scan(songs).charts:
        row = table[chart.title, chart.difficulty]
        np.testing.assert_allclose(row["profile"], density_profile(chart), atol=5e-5)
        double = chart.steps_type == "dance-double"
        counts = dict.fromkeys(COUNTS) if double else asdict(technique(chart))
        assert {name: row[f"technique_{name}"] for name in COUNTS} == counts


def test_a_saved_catalogue_has_the_same_types_where_nothing_is_known(songs):
    write_song(songs, song="Two", charts=[("Hard", 9, measures("10000001 00000001"))], steps_type="dance-double")
    catalogue = prepare(songs, steps_types=["dance-double"])
    catalogue.save()
    loaded = load(catalogue.store, catalogue.fingerprint)
    assert loaded.equals(catalogue.table) and loaded.schema.equals(catalogue.table.schema)
    assert loaded["technique_steps"].to_pylist() == [None] and len(loaded["profile"].to_pylist()[0]) == PROFILE


def test_arrays_are_half_precision_and_audio_is_shared_by_charts_of_one_timing(songs):
    catalogue = prepare(songs)
    table = rows(catalogue)
    assert table["Loud", "Easy"]["audio_path"] == table["Loud", "Hard"]["audio_path"]
    for row in table.values():
        chart = np.load(catalogue.store / row["chart_path"], mmap_mode="r")
        assert (chart.shape, chart.dtype) == ((row["frames"], 35), np.float16)
        if row["has_audio"]:
            audio = np.load(catalogue.store / row["audio_path"], mmap_mode="r")
            assert (audio.shape, audio.dtype) == ((48, 23), np.float16)


def test_charts_with_their_own_timing_have_their_own_audio_but_one_decoding(tmp_path, monkeypatch):
    path = write_song(tmp_path / "Songs", charts=[EASY], music_seconds=SECONDS)
    second = ssc_text([HARD], chart_extra="#BPMS:0=240;\n#STOPS:;\n#OFFSET:0;").partition("#NOTEDATA")
    path.write_text(path.read_text() + second[1] + second[2])
    decoded = []
    decode = record.audio_samples
    monkeypatch.setattr(record, "audio_samples", lambda *args: decoded.append(args) or decode(*args))
    table = rows(prepare(tmp_path / "Songs"))
    assert len({row["audio_path"] for row in table.values()}) == 2
    assert len(decoded) == 1


def test_a_second_run_computes_nothing_and_writes_nothing(songs, monkeypatch):
    first = prepare(songs)
    before = {path: path.stat().st_mtime_ns for path in first.store.rglob("*") if path.is_file()}

    def fail(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(record, "compute_record", fail)
    monkeypatch.setattr("groove.charts.simfile.reader.read_simfile", fail)
    monkeypatch.setattr("groove.charts.library.identity.audio_digest", fail)
    second = prepare(songs, workers=2)
    assert (first.computed, second.computed) == (2, 0)
    assert second.table.equals(first.table)
    assert {path: path.stat().st_mtime_ns for path in second.store.rglob("*") if path.is_file()} == before


def test_only_what_changed_is_computed(songs):
    first = prepare(songs)
    write_song(songs, song="Mute", charts=[("Medium", 6, steady(8, 3))])
    second = prepare(songs)
    assert second.computed == 1
    assert second.fingerprint != first.fingerprint


def test_another_title_computes_nothing_but_is_another_library(songs):
    first = prepare(songs)
    (path,) = (songs / "Pack" / "Mute").glob("*.ssc")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("#TITLE:", "#TITLE:Another ", 1), encoding="utf-8")
    settle(path)
    second = prepare(songs)
    assert second.computed == 0
    assert second.table["content"].equals(first.table["content"])
    # the title is a part of a song's identity, and identities decide which songs are held out
    assert second.fingerprint != first.fingerprint


def test_a_library_that_moved_keeps_its_fingerprint_and_records(songs, tmp_path):
    first = prepare(songs)
    moved = tmp_path / "elsewhere" / "Other"
    moved.parent.mkdir()
    shutil.move(songs, moved)
    (moved / "Pack").rename(moved / "Renamed pack")
    second = prepare(moved, first.store)
    assert second.computed == 0
    assert second.fingerprint == first.fingerprint
    assert set(second.table["pack"].to_pylist()) == {"Renamed pack"}


def test_two_stores_hold_the_same_bytes(songs, tmp_path):
    stores = [prepare(songs, tmp_path / name).store for name in ("a", "b")]
    files = [{p.relative_to(store): p.read_bytes() for p in store.rglob("*") if p.is_file()} for store in stores]
    assert files[0] == files[1]


def test_other_settings_have_other_records_and_the_first_remain(songs):
    first = prepare(songs)
    second = prepare(songs, features=FeaturesConfig(frames_per_beat=8))
    assert (second.computed, second.fingerprint != first.fingerprint) == (2, True)
    assert rows(second)["Loud", "Hard"]["merged_rows"] == 0
    assert prepare(songs).computed == 0


def test_a_saved_catalogue_is_loaded(songs):
    (songs / "Pack" / "Mute" / "old.dwi").write_text("#TITLE:x;")
    catalogue = prepare(songs)
    assert load(catalogue.store, catalogue.fingerprint).equals(catalogue.table)
    with catalogue.left_out_path.open(newline="") as file:
        assert [LeftOut(*line) for line in csv.reader(file)][1:] == catalogue.left_out != []
    with pytest.raises(LibraryError, match="no catalogue 'x'"):
        load(catalogue.store, "x")


def test_missing_audio_skip_leaves_out_and_lists(songs):
    catalogue = prepare(songs, missing_audio="skip")
    assert list(rows(catalogue)) == [("Loud", "Easy"), ("Loud", "Hard")]
    (entry,) = catalogue.left_out
    assert entry == ("Pack/Mute/Mute.ssc", "#0 dance-single Medium 5", "no audio file, and missing_audio=skip")


def test_missing_audio_error_stops_before_any_work(songs):
    with pytest.raises(AudioError, match=r"1 charts without audio.*Mute\.ssc#0: no audio file.*mask keeps"):
        prepare(songs, missing_audio="error")
    assert not list((songs.parent / "store").glob("??"))


@pytest.mark.parametrize("content", [b"", b"OggS" + bytes(range(256)) * 9])
def test_audio_that_cannot_be_decoded(songs, content):
    (songs / "Pack" / "Loud" / "Loud.wav").write_bytes(content)
    masked = prepare(songs)
    assert [row["has_audio"] for row in masked.table.to_pylist()] == [False] * 3
    (entry,) = masked.left_out
    assert entry.path == "Pack/Loud/Loud.wav"
    assert "cannot be decoded" in entry.reason
    assert "kept without audio" in entry.reason
    os.remove(songs / "Pack" / "Mute" / "Mute.ssc")
    with pytest.raises(AudioError, match=r"2 charts without audio, first Pack/Loud/Loud.wav: cannot be decoded"):
        prepare(songs, missing_audio="error")
    with pytest.raises(LibraryError, match="no usable chart"):
        prepare(songs, missing_audio="skip")


def test_copies_in_other_simfiles_are_one_entry(songs):
    notes = steady(8, 4)
    write_song(songs, "A", "Copy", [("Hard", 9, notes), ("Easy", 2, steady(4, 4))], artist="X")
    write_song(songs, "B", "Copy", [("Challenge", 10, notes)], artist="Y", title="Other", music_seconds=SECONDS)
    write_song(songs, "C", "Else", [("Hard", 9, steady(8, 4, "0110"))], artist="Z")
    catalogue = prepare(songs)
    assert ("Other", "Challenge") in rows(catalogue) and ("Copy", "Hard") not in rows(catalogue)
    assert rows(catalogue)["Copy", "Easy"]["identity"] == rows(catalogue)["Other", "Challenge"]["identity"]
    (copy,) = [entry for entry in catalogue.left_out if entry.reason.startswith("same notes")]
    assert copy == LeftOut("A/Copy/Copy.ssc", "#0 dance-single Hard 9", f"{COPY}; kept: B/Copy/Copy.ssc#0")
    assert count_reasons([copy]) == {COPY: 1}


def test_twins_and_unusable_charts_are_listed(songs):
    write_song(songs, song="Loud", charts=[EASY], fmt="sm")
    write_song(songs, song="Fake", charts=[EASY], extra="#FAKES:0=99;")
    catalogue = prepare(songs)
    assert len(catalogue.table) == 3
    reasons = {entry.path: entry.reason for entry in catalogue.left_out}
    assert reasons["Pack/Loud/Loud.sm"] == "twin of an .ssc file, which StepMania prefers; kept: Loud.ssc"
    assert reasons["Pack/Fake/Fake.ssc"] == "no note that counts"


def test_a_copy_of_a_folder_changes_nothing(songs):
    before = prepare(songs)
    write_song(songs, pack="Copies", song="Loud", charts=[EASY, HARD], music_seconds=SECONDS, offset=-0.5)
    catalogue = prepare(songs)
    assert len(catalogue.table) == len(before.table) == 3
    assert catalogue.fingerprint == before.fingerprint
    assert [entry.path for entry in catalogue.left_out] == ["Pack/Loud/Loud.ssc"] * 2
    assert catalogue.computed == 0  # equal files share a record


def test_double_charts_are_used_when_asked_for(songs):
    write_song(songs, song="Two", charts=[("Hard", 9, measures("10000001 00000000"))], steps_type="dance-double")
    assert len(prepare(songs).table) == 3
    assert len(prepare(songs, steps_types=["dance-single", "dance-double"]).table) == 4


def test_a_store_that_cannot_be_written_is_one_line(songs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be used"):
        prepare(songs, tmp_path / "file")


def test_progress_is_told(songs):
    steps = []
    prepare(songs, on_step=lambda *step: steps.append(step))
    assert ("song folders read", 2, 2) in steps
    assert steps[-1] == ("features computed", 2, 2)


def test_changed_audio_of_equal_size_is_noticed(songs):
    first = prepare(songs)
    path = songs / "Pack" / "Loud" / "Loud.wav"
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    assert prepare(songs).computed == 1
    assert first.computed == 2


@pytest.mark.parametrize("count", [1, 2])
def test_audio_that_vanishes_after_the_scan_leaves_no_record_without_it(songs, monkeypatch, count):
    """Else the record, named by the audio that was there, would stay silent when the audio is back."""
    whole = prepare(songs, songs.parent / "whole")
    song = rows(whole)["Loud", "Easy"]["simfile"]
    (audio,) = (songs / song).parent.glob("*.wav")
    tasks = preparation.simfile_tasks

    def vanish(*arguments):
        found = tasks(*arguments)
        audio.rename(songs.parent / "away.wav")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "simfile_tasks", vanish)
        first = prepare(songs, workers=count)
    reasons = [entry.reason for entry in first.left_out if entry.path == song]
    assert len(reasons) == 1 and "disappeared after the library was scanned" in reasons[0]
    assert song not in {row["simfile"] for row in rows(first).values()}
    (songs.parent / "away.wav").rename(audio)
    assert prepare(songs).table == whole.table


# ---- shards ---------------------------------------------------------------------------------------


@pytest.fixture
def many(tmp_path):
    root = tmp_path / "Songs"
    for song in range(MANY):
        seconds = 3 if song % 3 == 0 else None
        write_song(root, song=f"S{song}", charts=[("Easy", 1, steady(4, 2 + song))], music_seconds=seconds)
    write_song(root, "Copies", "S1", charts=[("Easy", 1, steady(4, 3))])
    (root / "Pack" / "S2" / "S2.sm").write_text("#TITLE:twin;")
    settle(root / "Pack" / "S2" / "S2.sm")
    return root


def files(store):
    return {path.relative_to(store): path.read_bytes() for path in Path(store).rglob("*") if path.is_file()}


def records(store):
    return {path.parent.name for path in store.glob("??/*/record.json")}


def test_shards_are_disjoint_and_cover_and_a_plain_run_finishes(many, tmp_path):
    whole = prepare_library(many, tmp_path / "whole", FeaturesConfig())
    found = []
    for number in range(3):
        own = tmp_path / f"own {number}"
        part = prepare_shard(many, own, FeaturesConfig(), Shard(number, 3))
        assert (part.total, part.computed, part.failed) == (MANY + 1, len(records(own)), [])
        found.append(records(own))
    assert all(found) and sum(map(len, found)) == len(set().union(*found)) == MANY  # the copy shares a record
    assert set().union(*found) == records(tmp_path / "whole")

    shared = tmp_path / "shared"
    parts = [prepare_shard(many, shared, FeaturesConfig(), Shard(number, 3)) for number in range(3)]
    assert sum(part.simfiles for part in parts) == MANY + 1
    assert not list(shared.glob("catalogue-*"))
    merged = prepare_library(many, shared, FeaturesConfig())
    assert (whole.computed, merged.computed, merged.fingerprint) == (MANY, 0, whole.fingerprint)
    assert files(shared) == files(tmp_path / "whole")


def test_a_shard_reads_no_audio_of_the_others(many, tmp_path, monkeypatch):
    read = []
    digest = identity.audio_digest
    monkeypatch.setattr(identity, "audio_digest", lambda path: read.append(path) or digest(path))
    for number in range(2):
        prepare_shard(many, tmp_path / str(number), FeaturesConfig(), Shard(number, 2))
    assert len(read) == len(set(read)) == 3


def test_the_shard_is_a_function_of_the_charts():
    simfiles = [[(0, hashlib.sha256(bytes([byte])).hexdigest())] for byte in range(200)]
    for count in (1, 2, 7):
        held = [[charts for charts in simfiles if Shard(number, count).holds(charts)] for number in range(count)]
        assert sorted(itertools.chain(*held)) == sorted(simfiles)
        assert min(map(len, held)) > 0.5 * len(simfiles) / count


def test_a_shard_that_was_done_does_nothing(many, tmp_path):
    first = prepare_shard(many, tmp_path / "store", FeaturesConfig(), Shard(1, 2))
    before = files(tmp_path / "store")
    again = prepare_shard(many, tmp_path / "store", FeaturesConfig(), Shard(1, 2))
    assert (first.computed > 0, again.computed, again.simfiles) == (True, 0, first.simfiles)
    assert files(tmp_path / "store") == before


def test_failures_are_told(many, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("broken")

    monkeypatch.setattr("groove.features.record.compute_record", fail)
    part = prepare_shard(many, tmp_path / "store", FeaturesConfig(), Shard(0, 1))
    assert len(part.failed) == MANY + 1
    assert "ValueError: broken" in part.failed[0].reason


def test_a_library_without_charts_and_a_store_that_is_a_file_are_one_line(many, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be used"):
        prepare_shard(many, tmp_path / "file", FeaturesConfig(), Shard(0, 1))
    with pytest.raises(LibraryError, match="no usable chart"):
        prepare_shard(many, tmp_path / "store", FeaturesConfig(), Shard(0, 1), ["dance-double"])


def test_the_same_notes_in_several_slots_are_one_chart_the_hardest(tmp_path):
    notes = steady(8, 4)
    slots = [("Easy", 3, notes), ("Medium", 5, steady(4, 4)), ("Hard", 9, notes), ("Edit", 12, notes)]
    write_song(tmp_path / "Songs", charts=slots)
    catalogue = prepare(tmp_path / "Songs")
    assert catalogue.table["difficulty"].to_pylist() == ["Medium", "Hard"]
    reasons = [(entry.chart, entry.reason) for entry in catalogue.left_out]
    kept = "same notes as in another slot; kept: #2 Hard"
    assert reasons == [("#0 dance-single Easy 3", kept), ("#3 dance-single Edit 12", kept)]


def test_the_same_notes_with_another_timing_stay(tmp_path):
    path = write_song(tmp_path / "Songs", charts=[("Easy", 3, steady(8, 4)), ("Hard", 9, steady(8, 4))])
    text = path.read_text()
    path.write_text(text[: text.rindex("#NOTES:")] + "#BPMS:0=200;\n" + text[text.rindex("#NOTES:") :])
    settle(path)
    assert prepare(tmp_path / "Songs").table["difficulty"].to_pylist() == ["Easy", "Hard"]

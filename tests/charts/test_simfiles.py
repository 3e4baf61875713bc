"""Reading simfiles, against `simfile`'s own slow and obvious classes where it has them, by hand elsewhere."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simfile.notes import NoteData
from simfile.ssc import SSCSimfile
from simfile.timing import Beat, TimingData
from simfile.timing.engine import TimingEngine

from groove.charts.chart import Chart, NoteKind, Notes
from groove.charts.decoding import decode
from groove.charts.notes import parse_notes
from groove.charts.simfiles import read_simfile
from groove.charts.timing import beat_values, build_timing
from tests.builders import chart_of, measures, sm_text, ssc_text, write_song

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LETTERS = {1: "1", 2: "2", 3: "3", 4: "4", 5: "M", 6: "L", 7: "F", 8: "K", 9: "A"}


def as_list(notes: Notes) -> list[tuple[Fraction, int, str]]:
    """Return (beat, column, symbol) of every note."""
    fields = zip(notes.numerator, notes.denominator, notes.column, notes.kind, strict=True)
    return [(Fraction(int(n), int(d)), int(column), LETTERS[int(kind)]) for n, d, column, kind in fields]


def slow_list(text: str) -> list[tuple[Fraction, int, str]]:
    return [(Fraction(note.beat), note.column, note.note_type.value) for note in NoteData(text)]


def read_text(folder: Path, text: str | bytes, name: str = "song.sm") -> tuple[list[Chart], list]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_simfile(path, folder)


# ---- notes ------------------------------------------------------------------------------------------


def note_text(symbols: str, columns: int):
    line = st.text(alphabet=symbols, min_size=columns, max_size=columns)
    measure = st.lists(line, min_size=1, max_size=13).map("\n".join)
    return st.lists(measure, min_size=1, max_size=5).map("\n,\n".join)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([4, 8]).flatmap(lambda columns: st.tuples(st.just(columns), note_text("0001MLFKA", columns))))
def test_notes_equal_notedata(case: tuple[int, str]) -> None:
    columns, text = case
    assert as_list(parse_notes(text, columns)) == slow_list(text)


def test_equal_beats_look_equal() -> None:
    # Beat 2 as line 2 of 4, line 4 of 8 and line 3 of 6 of the next measures is 2, 6 and 10, all over 1.
    notes = parse_notes(
        measures(
            "0000 0000 1000 0000",
            "0000 0000 0000 0000 1000 0000 0000 0000",
            "0000 0000 0000 1000 0000 0000",
        ),
        4,
    )
    assert notes.numerator.tolist() == [2, 6, 10] and notes.denominator.tolist() == [1, 1, 1]


def test_rows_that_do_not_divide_192() -> None:
    notes = parse_notes(measures("0000 1000 0000 0000 0000 0000 0000"), 4)
    assert as_list(notes) == [(Fraction(4, 7), 0, "1")]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1[12]000\n0M[3]00", "1000\n0M00"),  # 1: keysound indices
        ("1[2]\n0100", "1000\n0100"),  # 2: a line that is as wide with its bracket as it should be without
        ("1{drunk:3}000\n01<potion>00", "1000\n0100"),  # 3: attack and item
        ("10\n0100", "1000\n0100"),  # 4: short lines are padded
        ("100011\n0100", "1000\n0100"),  # 5: long lines are cut
        ("  1000\t\n\n0100 ", "1000\n0100"),  # 6: space around, empty lines
        ("1?é0\n0100", "1000\n0100"),  # 7: unknown symbols are no notes
        ("1000010000100001", "1000\n0100\n0010\n0001"),  # 8: a measure without its line breaks
        ("1000\n,,\n0100", "1000\n,\n0100"),  # 9: nothing between two commas is no measure
        ("1000\n,\n,\n0100", "1000\n,\n0000\n,\n0100"),  # 10: white space is an empty measure
        (",\n0100", "0000\n,\n0100"),  # 11: the first measure may be empty
    ],
)
def test_untidy_lines_are_read_as_stepmania_does(text: str, plain: str) -> None:
    assert as_list(parse_notes(text, 4)) == slow_list(plain)


def test_keysounds_equal_notedata() -> None:
    text = "1[0]00K[12]\n0000\n0L[1]00\n000F[3]"
    assert as_list(parse_notes(text, 4)) == slow_list(text)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("2003", "2003"),  # 1: balanced
        ("4003", "4003"),  # 2: a roll
        ("2000", "0000"),  # 3: head without tail
        ("0030", "0000"),  # 4: tail without head
        ("2023", "0023"),  # 5: a head while a hold is open
        ("2033", "2030"),  # 6: two tails
        ("2103", "0100"),  # 7: a tap within
        ("2M03", "0M00"),  # 8: a mine within
        ("2K03", "2K03"),  # 9: a keysound does not matter
        ("2300", "2300"),  # 10: shortest
        ("3232", "0230"),  # 11: mixed
    ],
)
def test_holds_are_balanced(column: str, expected: str) -> None:
    # The cases run down column 1; column 0 and 2 hold other holds that must not matter.
    text = "\n".join(f"{a}{symbol}{b}0" for a, symbol, b in zip("2003", column, "0230", strict=True))
    notes = parse_notes(text, 4)
    found = ["0"] * 4
    for beat, place, symbol in as_list(notes):
        if place == 1:
            found[int(beat)] = symbol
    assert "".join(found) == expected
    assert [n for n in as_list(notes) if n[1] == 0] == [(0, 0, "2"), (3, 0, "3")]


@settings(max_examples=100, deadline=None)
@given(note_text("00001234M", 4))
def test_random_holds_are_balanced(text: str) -> None:
    open_head: dict[int, bool] = {}
    for _, column, symbol in as_list(parse_notes(text, 4)):
        assert (symbol == "3") == open_head.get(column, False)
        open_head[column] = symbol in "24"
    assert not any(open_head.values())


def test_no_notes() -> None:
    assert len(parse_notes("", 4)) == len(parse_notes("\n,\n,\n", 4)) == len(parse_notes("0000", 4)) == 0


def test_200_000_rows_take_seconds(tmp_path) -> None:
    rng = np.random.default_rng(0)
    symbols = np.array(list("00012M3"))[rng.integers(0, 7, (200_000, 4))]
    lines = ["".join(row) for row in symbols]
    text = "\n,\n".join("\n".join(lines[start : start + 192]) for start in range(0, len(lines), 192))
    stops = ",".join(f"{beat}=0.01" for beat in range(4000))
    start = time.perf_counter()
    chart = chart_of(tmp_path, ssc_text([("Hard", 15, text)], stops=stops))
    chart.timing.judged(chart.notes.beats)
    assert len(chart.notes) > 200_000
    assert time.perf_counter() - start < 10


# ---- timing -----------------------------------------------------------------------------------------

beats48 = st.integers(0, 32 * 48).map(lambda tick: tick / 48)


def entries(values, min_size: int = 0):
    pairs = st.dictionaries(beats48, values, min_size=min_size, max_size=5)
    return pairs.map(lambda pairs: sorted(pairs.items()))


def written(pairs) -> str:
    return ",".join(f"{beat:.6f}={value:.3f}" for beat, value in pairs)


@settings(max_examples=150, deadline=None)
@given(
    entries(st.floats(20, 400)),
    entries(st.floats(0.01, 3)),
    entries(st.floats(0.01, 3)),
    entries(st.integers(1, 300).map(lambda tick: tick / 48)),
    st.floats(-2, 2),
)
def test_timing_equals_simfile(bpms, stops, delays, warps, offset) -> None:
    bpms = [(0.0, 150.0), *(pair for pair in bpms if pair[0] > 0)]
    tags = {"BPMS": bpms, "STOPS": stops, "DELAYS": delays, "WARPS": warps}
    text = "#VERSION:0.83;" + "".join(f"#{tag}:{written(pairs)};" for tag, pairs in tags.items())
    engine = TimingEngine(TimingData(SSCSimfile(string=f"{text}#OFFSET:{offset:.6f};")))
    fields = {tag.lower(): beat_values(written(pairs)) for tag, pairs in tags.items()}
    timing = build_timing(**fields, fakes=beat_values(""), offset=float(f"{offset:.6f}"))
    ticks = sorted({*range(-48, 40 * 48, 16), *(round(beat * 48) for pairs in tags.values() for beat, _ in pairs)})
    beats = [Beat(tick, 48) for tick in ticks]
    found = timing.time_at(np.array([float(beat) for beat in beats]))
    np.testing.assert_allclose(found, [engine.time_at(beat) for beat in beats], atol=1e-7)
    positive = [beat for beat in beats if beat >= 0]
    judged = timing.judged(np.array([float(beat) for beat in positive]))
    assert judged.tolist() == [engine.hittable(beat) for beat in positive]


def timing_of(bpms: str = "0=60", stops: str = "", delays: str = "", warps: str = "", fakes: str = "", offset=0.0):
    tags = (beat_values(text) for text in (bpms, stops, delays, warps, fakes))
    return build_timing(*tags, offset=offset)


def test_timing_by_hand() -> None:
    # 60 BPM; a stop of 1 s on beat 2, a delay of 1 s on beat 4, both on beat 6, 120 BPM from beat 8 on.
    timing = timing_of("0=60,8=120", stops="2=1,6=1", delays="4=1,6=1", offset=0.5)
    times = timing.time_at(np.array([0.0, 2, 3, 4, 5, 6, 7, 8, 10]))
    assert (times + 0.5).tolist() == [0, 2, 4, 6, 7, 9, 11, 12, 13]
    assert timing.stops.tolist() == [[2, 1], [4, 1], [6, 1], [6, 1]]


def test_stop_and_delay_on_beat_0() -> None:
    assert timing_of(stops="0=1").time_at(np.array([-1.0, 0, 1])).tolist() == [-1, 0, 2]
    assert timing_of(delays="0=1").time_at(np.array([-1.0, 0, 1])).tolist() == [-1, 1, 2]


@pytest.mark.parametrize(
    ("kwargs", "times", "warp"),
    [
        # 1: 60 BPM; a stop of -2 s on beat 4 takes time from 4 s back to 2 s; beat 6 is where 4 s come again.
        ({"stops": "4=-2"}, [4, 4, 4, 4, 5, 7], [4, 6]),
        # 2: beats 4 to 6 run backwards at -60 BPM, from 4 s to 2 s; with 60 BPM again 4 s come at beat 8.
        ({"bpms": "0=60,4=-60,6=60"}, [4, 4, 4, 4, 4, 5], [4, 8]),
        # 3: the usual gimmick: beats 4 to 5 at -60 and then 120 BPM: 3 s at beat 5, 4 s at beat 7.
        ({"bpms": "0=60,4=-60,5=120"}, [4, 4, 4, 4, 4, 5], [4, 7]),
        # 4: a tempo beyond 10 million is a warp to the next tempo.
        ({"bpms": "0=60,4=99999999,6=60"}, [4, 4, 4, 4, 5, 7], [4, 6]),
        # 5: 2 s back on beat 4, caught up within a stop of 3 s on beat 5, which ends at 4 - 2 + 1 + 3 s.
        ({"stops": "4=-2,5=3"}, [4, 4, 4, 7, 8, 10], [4, 5]),
    ],
)
def test_time_never_runs_back(kwargs: dict, times: list[float], warp: list[float]) -> None:
    timing = timing_of(**kwargs)
    found = timing.time_at(np.array([4, 4.5, 5, 6, 7, 9]))
    assert found.tolist() == pytest.approx(times)
    assert timing.warps.tolist() == [pytest.approx(warp)]
    assert (timing.bpms[:, 1] > 0).all() and (timing.stops[:, 1] > 0).all()


@settings(max_examples=100, deadline=None)
@given(
    entries(st.floats(-300, 300).filter(lambda bpm: abs(bpm) > 20)),
    entries(st.floats(-2, 2).filter(lambda seconds: abs(seconds) > 0.01)),
)
def test_negative_timing_is_the_running_maximum(bpms, stops) -> None:
    bpms = [(0.0, 120.0), *(pair for pair in bpms if pair[0] > 0)]
    timing = timing_of(written(bpms), written(stops))
    # The slow way: walk tick by tick through raw time, keep the highest so far.
    tempo, pause = dict(map(tuple, beat_values(written(bpms)))), dict(map(tuple, beat_values(written(stops))))
    raw = high = 0.0
    slow, bpm = [], 120.0
    for tick in range(40 * 48):
        slow.append(high)
        bpm = tempo.get(tick / 48, bpm)
        raw += pause.get(tick / 48, 0.0)
        high = max(high, raw)
        raw += 60 / bpm / 48
        high = max(high, raw)
    beats = np.arange(40 * 48) / 48
    np.testing.assert_allclose(timing.time_at(beats), slow, atol=1e-6)
    assert (np.diff(timing.time_at(beats)) >= -1e-9).all()


@pytest.mark.parametrize(
    ("bpms", "expected"),
    [
        ("", [[0, 60]]),  # 1: StepMania's default
        ("4=150", [[0, 150]]),  # 2: not on beat 0
        ("8=100,0=120", [[0, 120], [8, 100]]),  # 3: unsorted
        ("0=120,x=3,4,5=abc,=,8=nan,12=90", [[0, 120], [12, 90]]),  # 4: entries that do not parse
        ("0=0,4=0,5=1e-320", [[0, 60]]),  # 5: no tempo but zero, or next to it
        ("-4=100,0=120", [[0, 120]]),  # 6: before beat 0
        ("-8=90,-4=100,4=120", [[0, 100], [4, 120]]),  # 7: the last before beat 0 holds
        (" 0.000 = 120.5 ,\n", [[0, 120.5]]),  # 8: space, and a comma too many
    ],
)
def test_tempo_is_read_tolerantly(bpms: str, expected: list) -> None:
    assert timing_of(bpms).bpms.tolist() == expected


def test_pauses_of_days_are_ignored() -> None:
    assert timing_of(stops="0=1e308,1=1e308", delays="0=-1e308").time_at(np.array([4.0])).tolist() == [4]


def test_overlapping_warps_and_fakes_are_merged() -> None:
    timing = timing_of(warps="4=2,5=4,20=1,21=1", fakes="1=1,1.5=1,-3=9,8=0")
    assert timing.warps.tolist() == [[4, 9], [20, 22]]
    assert timing.fakes.tolist() == [[1, 2.5]]


def test_split_timing(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    own = "#BPMS:0=60;\n#STOPS:0=1;\n#OFFSET:-2;"
    chart = chart_of(tmp_path / "a", ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [2, 7]
    # A chart without an offset or tempo of its own has the song's.
    chart = chart_of(tmp_path / "b", ssc_text(notes, bpms="0=120", offset=-1, chart_extra="#STOPS:0=1;"))
    assert chart.timing.time_at(chart.notes.beats).tolist() == [1, 4]
    # Before version 0.7 a chart has no timing.
    text = ssc_text(notes, bpms="0=120", offset=-1, chart_extra=own).replace("0.83", "0.6")
    assert chart_of(tmp_path / "c", text).timing.time_at(np.array([4.0])).tolist() == [3]
    # A version that is no number.
    assert chart_of(tmp_path / "d", text.replace("0.6", "new")).timing.bpms.tolist() == [[0, 120]]


def test_sm_reads_freezes_delays_and_warps(tmp_path) -> None:
    notes = [("Hard", 8, measures("1000", "1000"))]
    extra = "#FREEZES:0=1;\n#DELAYS:1=1;\n#WARPS:2=1;"
    text = sm_text(notes, bpms="0=60", extra=extra).replace("#STOPS:;\n", "")
    assert chart_of(tmp_path, text, "sm").timing.time_at(np.array([0.0, 1, 2, 4])).tolist() == [0, 3, 4, 5]


# ---- fields -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["sm", "ssc"])
def test_both_formats_give_the_same_chart(tmp_path, fmt: str) -> None:
    path = write_song(
        tmp_path,
        "My Pack",
        "A Song",
        [("Easy", 3, measures("1000 0100")), ("Hard", 9, measures("2000 3000"))],
        bpms="0=150",
        offset=0.25,
        artist="Someone",
        fmt=fmt,
        music_seconds=2,
    )
    charts, left_out = read_simfile(path, tmp_path)
    assert not left_out
    assert [(c.index, c.difficulty, c.meter) for c in charts] == [(0, "Easy", 3), (1, "Hard", 9)]
    chart = charts[1]
    assert (chart.pack, chart.title, chart.artist) == ("My Pack", "A Song", "Someone")
    assert chart.simfile == f"My Pack/A Song/A Song.{fmt}" and chart.music == "My Pack/A Song/A Song.wav"
    assert chart.steps_type == "dance-single" and chart.stored_radar == (0, 0, 0, 0, 0)
    assert chart.notes.kind.tolist() == [NoteKind.HOLD_HEAD, NoteKind.TAIL]
    assert chart.timing.time_at(np.array([0.0, 2])).tolist() == pytest.approx([-0.25, 0.55])


def test_double_charts_have_eight_columns(tmp_path) -> None:
    chart = chart_of(tmp_path, ssc_text([("Hard", 9, measures("10000001"))], steps_type="dance-double"))
    assert chart.notes.column.tolist() == [0, 7]


@pytest.mark.parametrize(
    ("name", "description", "meter", "expected"),
    [
        ("Beginner", "", "1", "Beginner"),
        ("basic", "", "3", "Easy"),
        ("LIGHT", "", "3", "Easy"),
        ("another", "", "3", "Medium"),
        ("trick", "", "3", "Medium"),
        ("Standard", "", "3", "Medium"),
        ("difficult", "", "3", "Medium"),
        ("ssr", "", "3", "Hard"),
        ("Maniac", "", "3", "Hard"),
        ("HEAVY", "", "3", "Hard"),
        ("smaniac", "", "3", "Challenge"),
        ("expert", "", "3", "Challenge"),
        ("Oni", "", "3", "Challenge"),
        ("Edit", "", "3", "Edit"),
        ("Hard", "SMANIAC", "9", "Challenge"),  # as old files write Challenge
        ("Hard", "challenge", "9", "Challenge"),
        ("", "Medium", "9", "Medium"),  # from the description
        ("Whatever", "", "1", "Beginner"),  # from the meter
        ("Whatever", "", "3", "Easy"),
        ("Whatever", "", "6", "Medium"),
        ("Whatever", "", "7", "Hard"),
        ("Whatever", "", "x", "Edit"),  # from nothing
    ],
)
def test_difficulty(tmp_path, name: str, description: str, meter: str, expected: str) -> None:
    text = ssc_text([(name, 1, "1000")]).replace("#METER:1", f"#METER:{meter}")
    text = text.replace("#DESCRIPTION:", f"#DESCRIPTION:{description}")
    assert chart_of(tmp_path, text).difficulty == expected


@pytest.mark.parametrize(
    ("meter", "expected"),
    [("12", 12), ("-3", -3), (" 7 ", 7), ("9.6", 9), ("", 0), ("?", 0), ("10+", 10), ("99999999999999", 2**31 - 1)],
)
def test_meter(tmp_path, meter: str, expected: int) -> None:
    text = ssc_text([("Hard", 1, "1000")]).replace("#METER:1", f"#METER:{meter}")
    assert chart_of(tmp_path, text).meter == expected


def test_stored_numbers(tmp_path) -> None:
    text = ssc_text([("Hard", 1, "1000")], radar="0.1,0.2", extra="#MUSICLENGTH:91.5;")
    chart = chart_of(tmp_path, text)
    assert chart.stored_radar == (0.1, 0.2) and chart.music_length_s == 91.5
    chart = chart_of(tmp_path, ssc_text([("Hard", 1, "1000")], radar="a,b", extra="#MUSICLENGTH:-1;"))
    assert chart.stored_radar == () and chart.music_length_s is None


# ---- music ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "tag", "expected"),
    [
        (["Song.OGG"], "song.ogg", "Song.OGG"),  # 1: case
        (["a.ogg", "A.ogg"], "A.ogg", "A.ogg"),  # 2: exact case first
        (["a.ogg"], "", "a.ogg"),  # 3: no tag, one file
        (["a.ogg", "b.mp3"], "", None),  # 4: no tag, two files
        (["a.ogg"], "missing.ogg", "a.ogg"),  # 5: missing, one file
        (["a.ogg", "b.ogg"], "missing.ogg", None),  # 6: missing, two files
        (["sub/a.ogg"], "SUB\\\\A.ogg", "sub/a.ogg"),  # 7: in a folder, written as on Windows
        ([], "a.ogg", None),  # 8: nothing
        (["a.txt"], "", None),  # 9: no audio
        (["a.ogg"], "../Other/b.ogg", "../Other/b.ogg"),  # 10: another folder of the library
        (["a.ogg"], "../../../secret.ogg", None),  # 11: out of the library
        (["a.ogg"], "/etc/hostname", None),  # 12: absolute
        (["a.ogg"], "C\\:\\\\a.ogg", None),  # 13: absolute, as on Windows
    ],
)
def test_music(tmp_path, files: list[str], tag: str, expected: str | None) -> None:
    root = tmp_path / "root"
    song = write_song(root, music=tag)
    (root / "Pack" / "Other").mkdir()
    for file in [*files, "../Other/b.ogg", "../../../secret.ogg"]:
        (song.parent / file).parent.mkdir(exist_ok=True)
        (song.parent / file).write_bytes(b"x")
    (chart,), left_out = read_simfile(song, root)
    wanted = None if expected is None else (song.parent / expected).resolve().relative_to(root.resolve()).as_posix()
    assert chart.music == wanted
    outside = "secret" in tag or "/etc" in tag or ":" in tag
    assert [entry.reason.endswith("leads out of the library and is not read") for entry in left_out] == [True] * outside


def test_music_link_out_of_the_library_is_not_used(tmp_path) -> None:
    root = tmp_path / "root"
    (tmp_path / "outside.ogg").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.ogg").write_bytes(b"x")
    for name, link, target in (("a.ogg", "a.ogg", "outside.ogg"), ("sub/b.ogg", "sub", "folder")):
        song = write_song(root, song=link, charts=[("Easy", 3, "1000"), ("Hard", 3, "0100")], music=name)
        (song.parent / link).symlink_to(tmp_path / target)
        charts, (left_out,) = read_simfile(song, root)
        assert [chart.music for chart in charts] == [None, None]
        assert left_out.reason == f"audio '{name}' leads out of the library and is not read"


def test_music_of_a_song_that_is_linked_into_the_library(tmp_path) -> None:
    write_song(tmp_path / "outside", music_seconds=1)
    root = tmp_path / "root"
    root.mkdir()
    (root / "Linked").symlink_to(tmp_path / "outside" / "Pack")
    (chart,), left_out = read_simfile(root / "Linked" / "Song" / "Song.ssc", root)
    assert chart.music == "Linked/Song/Song.wav" and not left_out


# ---- bytes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        ("Über Café", "utf-8"),
        ("Über Café", "utf-8-sig"),
        ("さくら 夜", "utf-16"),
        ("ミコリザ", "cp932"),
        ("初音", "cp932"),
        ("사랑해", "cp949"),
        ("나는 너를 사랑해 (remix)", "cp949"),
        ("Pokémon Über Café Señorita", "cp1252"),
    ],
)
def test_encodings(tmp_path, title: str, encoding: str) -> None:
    text = ssc_text([("Hard", 9, "1000")], title=title)
    (chart,), left_out = read_text(tmp_path, text.encode(encoding), "song.ssc")
    assert chart.title == title and not left_out


def test_decode_line_ends_and_nuls() -> None:
    assert decode(b"a\r\nb\rc\n\0d") == "a\nb\nc\nd"
    assert decode(bytes(range(128, 256)))  # anything decodes


def test_cr_only(tmp_path) -> None:
    (chart,), _ = read_text(
        tmp_path, ssc_text([("Hard", 9, measures("1000 0100", "1000"))]).replace("\n", "\r"), "a.ssc"
    )
    assert chart.notes.beats.tolist() == [0, 2, 4]


def test_comments_and_escapes(tmp_path) -> None:
    notes = "1000 // first: line; with #marks\n0100\n,  // measure 2\n0010"
    (chart,), _ = read_text(tmp_path, sm_text([("Hard", 9, notes)], title="A\\:B\\;C"))
    assert chart.title == "A:B;C"
    assert chart.notes.beats.tolist() == [0, 2, 4]


# ---- what is left out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\0\0\0\0", "empty file"),
        (b" \n\t", "empty file"),
        (b"#TITLE:x;\n", "no charts"),
        (b"this is no simfile", "no charts"),
        (bytes(range(256)) * 20, "no charts"),
        (b"#", "no charts"),
    ],
)
@pytest.mark.parametrize("name", ["song.sm", "song.ssc"])
def test_broken_files_are_left_out(tmp_path, content: bytes, reason: str, name: str) -> None:
    charts, left_out = read_text(tmp_path, content, name)
    assert not charts
    assert [(entry.path, entry.chart, entry.reason) for entry in left_out] == [(name, "", reason)]


def test_missing_file_and_folder(tmp_path) -> None:
    (tmp_path / "folder.sm").mkdir()
    for name in ("nothing.sm", "folder.sm"):
        assert read_simfile(tmp_path / name, tmp_path) == ([], [(name, "", "not a regular file")])


def test_charts_left_out_one_by_one(tmp_path) -> None:
    good = [("Hard", 9, "1000")]
    text = (
        sm_text(good)
        + sm_text([("Easy", 1, "0000")]).split("#STOPS:;")[1]  # 1: empty
        + sm_text([("Easy", 1, "MM00")]).split("#STOPS:;")[1]  # 2: only mines
        + sm_text(good, steps_type="pump-single").split("#STOPS:;")[1]  # 3: another game
        + "#NOTES:dance-single:too:short;\n"  # 4: malformed
        + sm_text([("Medium", 5, "0100")]).split("#STOPS:;")[1]
    )
    charts, left_out = read_text(tmp_path, text)
    assert [chart.difficulty for chart in charts] == ["Hard", "Medium"]
    reasons = sorted(entry.reason for entry in left_out)
    assert len(left_out) == 4 and all(entry.chart.startswith("#") for entry in left_out)
    assert reasons[0] == reasons[1] == "empty chart: no arrows"
    assert "malformed #NOTES" in reasons[2] and "steps type 'pump-single'" in reasons[3]


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not there: real corner cases are not checked")
@pytest.mark.parametrize("folder", ["corner_cases", "parser_cases"])
def test_real_corner_cases(folder: str) -> None:
    root = SHARED / folder
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in (".sm", ".ssc"):
            continue
        charts, left_out = read_simfile(path, root)
        assert charts or left_out, path
        for chart in charts:
            times = chart.timing.time_at(chart.notes.beats)
            assert np.isfinite(times).all() and (np.diff(times) >= -1e-9).all(), path

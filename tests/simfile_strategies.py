"""Simfiles that no editor would write, for hypothesis: random bytes, real ones that were damaged, made-up structures.

A drawn simfile is ``bytes``; what must hold for each of them is in `tests/charts/simfile/test_fuzz_simfiles.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from tests.builders import measures, sm_text, ssc_text
from tests.shared import SHARED

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 48, 64, 192)
LARGEST = 100_000
"""Bytes of a real file that is damaged; larger ones only take longer."""
_TOKENS = (b"", b"#NOTES:", b"#BPMS:", b"#STOPS:", b";", b":", b",", b"-", b"9999999999", b"=", b"\\", b"//", b"nan")

lines = st.sampled_from(["0000"] * 6 + ["1000", "0101", "1110", "2000", "0200", "3000", "0300", "4002", "3003", "MMMM"])
measure = st.sampled_from(SIZES).flatmap(lambda count: st.lists(lines, min_size=count, max_size=count).map(" ".join))
charts = st.lists(measure, min_size=1, max_size=4)
"""Measures of a chart, as `tests.builders.measures` takes them."""

numbers = (
    st.floats(-8, 400, allow_nan=False).map(lambda value: f"{value:.3f}")
    | st.integers(-4, 200).map(str)
    | st.sampled_from(["0", "-0", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e10", "", "x", "1,5", "0x10"])
)
_pairs = st.lists(st.tuples(numbers, numbers).map("=".join) | numbers, max_size=5).map(",".join)
"""A list such as ``0=120,4=240``, well-formed or nearly."""
_odd_lines = lines | st.text("01234MLFKN[]{}<>:*;,/ \n", max_size=12)
_odd_measures = st.lists(st.lists(_odd_lines, max_size=9).map("\n".join), max_size=5).map("\n,\n".join)
_tags = st.dictionaries(
    st.sampled_from(
        "DELAYS WARPS FAKES SPEEDS SCROLLS LABELS TIMESIGNATURES TICKCOUNTS MUSICLENGTH LASTSECONDHINT".split()
    ),
    _pairs | numbers,
    max_size=4,
).map(lambda tags: "".join(f"#{name}:{value};\n" for name, value in tags.items()))
_names = st.sampled_from(["Hard", "hard", "Challenge", "Edit", "", "Expert", "Beginner", "\x00", "ß"])


@st.composite
def structured(draw: st.DrawFn) -> bytes:
    """Return a simfile with the right tags and any values: timing that stands still, goes back or is no number."""
    write = draw(st.sampled_from([sm_text, ssc_text]))
    meters = numbers.map(lambda text: text.replace(":", ""))
    drawn = draw(
        st.lists(st.tuples(_names, meters, charts.map(lambda rows: measures(*rows)) | _odd_measures), max_size=3)
    )
    text = write(
        drawn,  # type: ignore[arg-type]
        bpms=draw(_pairs | st.just("0=120")),
        stops=draw(_pairs),
        offset=draw(numbers),  # type: ignore[arg-type]
        title=draw(st.text(max_size=8)),
        music=draw(st.sampled_from(["", "a.ogg", "../../a.ogg", "/etc/passwd", "\x00"])),
        extra=draw(_tags),
        steps_type=draw(st.sampled_from(["dance-single"] * 4 + ["dance-double", "pump-single", ""])),
        radar=draw(st.just("0,0,0,0,0") | _pairs),
    )
    encoding = draw(st.sampled_from(["utf-8", "utf-16", "cp1252", "shift_jis"]))
    return text.encode(encoding, "replace")


noise = st.binary(max_size=300) | st.text("#:;,0123\n \\/NOTESBPM.=-", max_size=300).map(str.encode)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return `content` with a few bytes changed, cut out, doubled or swapped for what the format reads."""
    raw = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(raw) + 1)
        end = at + rng.choice([1, 1, 4, 40, 400])
        raw[at:end] = rng.choice([bytes([rng.randrange(256)]), raw[at:end] * 2, *_TOKENS])
    return bytes(raw)


def damaged(files: Sequence[Path]) -> st.SearchStrategy[bytes]:
    """Return one of `files`, damaged."""
    whole = st.sampled_from(files).map(Path.read_bytes)
    return st.tuples(whole, st.randoms(use_true_random=False)).map(lambda drawn: mutated(*drawn))


def real_simfiles() -> list[Path]:
    """Return the small simfiles of ``../shared/data``; none where that is not there."""
    found = sorted(path for path in SHARED.rglob("*") if path.suffix.lower() in (".sm", ".ssc"))
    return [path for path in found if 0 < path.stat().st_size < LARGEST]

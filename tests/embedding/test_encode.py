from dataclasses import replace

import numpy as np
import torch

from groove.embedding.apply import scaled_table
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.encode import BATCH, blinded, deafened, encode, mirrored, swapped
from groove.embedding.trained import load_trained
from groove.features.frames import CHART_FEATURES
from tests.batches import batch


def test_charts_are_encoded_in_their_own_order_whatever_the_batches(finished):
    trained = load_trained(finished / "run")
    own = load(finished / "run" / EMBEDDINGS_FILE)
    table = scaled_table(trained, own.table)
    told = []
    vectors = encode(trained.model, table, finished / "store", on_step=lambda *step: told.append(step))
    assert len(table) > BATCH and told[-1] == ("charts encoded", len(table), len(table)) and len(told) == 2
    for row in (0, 33, 79):
        alone = encode(trained.model, table.take(np.array([row])), finished / "store")
        for name in ("pooled", "projection"):
            np.testing.assert_allclose(vectors[name][row], alone[name][0], atol=1e-5)
            np.testing.assert_allclose(vectors[name][row], own.space(name)[row], atol=1e-5)


def test_a_blinded_batch_tells_nothing():
    given = batch([12, 8, 20, 16, 4, 9])
    hidden = blinded(given)
    assert not hidden.chart.any() and not hidden.audio.any() and not hidden.has_audio.any()
    assert len(set(hidden.lengths.tolist())) == 1
    assert torch.equal(hidden.radar, given.radar)


def test_a_mirrored_batch_swaps_left_and_right_and_twice_is_itself():
    given = batch([12, 8, 20, 16])
    swapped = mirrored(given)
    left, right = (CHART_FEATURES.index(f"attacks_{panel}") for panel in (0, 3))
    assert torch.equal(swapped.chart[..., left], given.chart[..., right])
    sided = ("_0", "_3", "_steps", "turned_left", "turned_right")
    other = [i for i, name in enumerate(CHART_FEATURES) if not name.endswith(sided)]
    one, two = (CHART_FEATURES.index(name) for name in ("left_steps", "right_steps"))
    assert torch.equal(swapped.chart[..., one], given.chart[..., two])
    assert torch.equal(swapped.chart[..., other], given.chart[..., other])
    assert torch.equal(mirrored(swapped).chart, given.chart)


def test_hidden_audio_is_as_if_there_were_none():
    given = batch([12, 8], has_audio=[1.0, 0.0])
    hidden = deafened(given)
    assert not hidden.audio.any() and not hidden.has_audio.any() and torch.equal(hidden.chart, given.chart)


def test_swapped_audio_is_that_of_the_next_song_as_long_as_the_chart():
    given = batch([12, 8, 20, 16], has_audio=[1.0, 1.0, 0.0, 1.0])
    given = replace(given, song=torch.tensor([0, 0, 1, 2]))
    found = swapped(given)
    assert torch.equal(found.audio[0, :12], given.audio[3, :12]) and not found.audio[0, 12:].any()
    assert torch.equal(found.audio[1, :8], given.audio[3, :8])
    assert torch.equal(found.audio[3, :12], given.audio[0, :12]) and not found.audio[3, 12:].any()
    assert torch.equal(found.audio[2], given.audio[2]), "a chart without audio gets none"
    alone = replace(given, song=torch.zeros(4, dtype=torch.int64))
    assert torch.equal(swapped(alone).audio, given.audio)

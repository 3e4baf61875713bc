import numpy as np
import torch

from groove.charts.technique.counting import RATES
from groove.data.augment import LEFT_RIGHT
from groove.embedding.apply import scaled_table
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.reference import ranked_counts, raw_features, untrained
from groove.embedding.trained import load_trained
from groove.features.frames import CHART_FEATURES
from groove.model.chart_counts import COUNTS


def test_raw_features_are_means_and_rates_standardised(finished):
    trained, library = load_trained(finished / "run"), load(finished / "run" / EMBEDDINGS_FILE)
    table = scaled_table(trained, library.table)
    by_hand = []
    for path in table.chart_path:
        frames = np.load(finished / "store" / path).astype(float)
        seconds = frames[:, CHART_FEATURES.index("seconds")].sum()
        by_hand.append([*frames.mean(axis=0), *(frames.sum(axis=0) / seconds)])
    expected = (np.array(by_hand) - np.mean(by_hand, axis=0)) / (np.std(by_hand, axis=0) + 1e-9)
    found = raw_features(table, finished / "store")
    np.testing.assert_allclose(found, expected)
    mirror = raw_features(table, finished / "store", mirror=True)
    names = [f"attacks_{panel}" for panel in range(4)]
    raw = np.array(by_hand)[:, [CHART_FEATURES.index(name) for name in names]]
    center, scale = raw.mean(axis=0), raw.std(axis=0) + 1e-9
    columns = [CHART_FEATURES.index(name) for name in names]
    np.testing.assert_allclose(mirror[:, columns], (raw[:, list(LEFT_RIGHT)] - center) / scale)


def test_an_untrained_network_is_a_function_of_its_seed_and_knows_the_audio(finished):
    trained = load_trained(finished / "run")
    state = torch.random.get_rng_state()
    first, again, other = untrained(trained), untrained(trained), untrained(trained, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    weight = next(name for name, x in first.named_parameters() if name.startswith("backbone") and x.dim() > 1)
    assert torch.equal(first.state_dict()[weight], again.state_dict()[weight])
    assert not torch.equal(first.state_dict()[weight], other.state_dict()[weight])
    assert not torch.equal(first.state_dict()[weight], trained.model.state_dict()[weight])
    torch.testing.assert_close(first.audio_encoder.mean, trained.model.audio_encoder.mean)


def test_counts_are_ranks_without_a_network(finished):
    library = load(finished / "run" / EMBEDDINGS_FILE)
    found = ranked_counts(library, finished / "store", 4)
    assert found.shape == (len(library), len(COUNTS) + len(RATES) + 2 + 32)
    tempo = found[:, len(COUNTS) + len(RATES)]
    order = np.argsort(library.column("bpm"), kind="stable")
    assert (np.diff(tempo[order]) >= 0).all() and abs(np.sort(tempo)[[0, -1]].sum()) < 0.2
    assert np.isfinite(found).all()

import numpy as np
import torch

from groove.data.augment import LEFT_RIGHT
from groove.embedding.apply import scaled_table
from groove.embedding.embedded import EMBEDDINGS_FILE, load
from groove.embedding.reference import raw_features, untrained
from groove.embedding.trained import load_trained
from groove.features.frames import CHART_FEATURES
from groove.retrieval.evaluation import technique_of


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


def test_technique_is_counted_for_charts_that_are_still_there(finished):
    library = load(finished / "run" / EMBEDDINGS_FILE)
    rates = technique_of(library, finished / "songs")
    assert np.isfinite(rates).all() and rates.std() > 0
    gone = library.take(np.array([3, 4]))
    table = gone.table.set_column(0, "chart_id", [["not/there.sm#0", gone.column("chart_id")[1]]])
    part = type(gone)(table, gone.vectors, gone.family, gone.classes, gone.scaler, gone.provenance)
    found = technique_of(part, finished / "songs")
    assert np.isnan(found[0]).all() and found[1].tolist() == rates[4].tolist()

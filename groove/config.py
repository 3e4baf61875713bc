"""The configuration: where it lies, the schema it is checked against, and how an entry point runs with it.

`run_main` is what every ``python -m groove.X`` calls. Hydra composes the YAML files of `CONF_DIR`; the result is merged
into a dataclass schema (Hydra alone accepts a misspelt key inside an experiment file) and made read-only before any
work. Errors of the user become one line. Nothing heavy (torch, librosa) is imported here, so that a typo costs
a fraction of a second.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from groove.errors import ConfigError, GrooveError, did_you_mean, disk_error, one_line
from groove.ranges import PROCESSES, between, check_ranges, one_of

CONF_DIR = Path(__file__).resolve().parent.parent / "conf"
PATH_KEYS = (
    "songs",
    "out",
    "index",
    "compare",
    "data.songs",
    "data.store",
    "pretrained",
    "ckpt_path",
    "runs",
    "run",
    "hydra.run.dir",
    "simfile",
    "store",
)
TEXT_KEYS = ("chart", "pack")
"""Values that name charts and packs: taken as they are written, brackets and all."""
LARGEST_SEED = 2**32 - 1
WIDEST = 8192
"""The most channels of a layer: wider ones have more weights than a machine has memory."""
MOST_EPOCHS = 1_000_000


@dataclass
class AudioConfig:
    """Settings of the audio features; all of them enter the store's key."""

    sample_rate: int = between(22050, 1, 384_000)
    n_fft: int = between(2048, 1, 65_536)
    hop_length: int = between(512, 1, 65_536)
    n_mels: int = between(64, 1, 1024)


@dataclass
class FeaturesConfig:
    """Settings of everything that `prepare` computes."""

    frames_per_beat: int = between(4, 1, 48, why="48 is the game's finest row")
    audio: AudioConfig = field(default_factory=AudioConfig)


@dataclass
class GeneratedConfig:
    """The library that is written when `data.songs` is not given."""

    songs: int = between(160, 2, 100_000, why="one is held out")
    seed: int = between(0, 0, LARGEST_SEED)
    root: str = "outputs/library"


@dataclass
class TripletsConfig:
    """Which same-difficulty pairs are positives and negatives, and how many triplets are drawn."""

    positive_percentile: float = between(15.0, above=0, below=100)
    negative_percentile: float = between(85.0, above=0, below=100)
    same_difficulty_only: bool = True
    per_anchor: int = between(4, 1, 1000)


@dataclass
class AugmentConfig:
    """Training-only augmentation; a mirror leaves the radar unchanged."""

    mirror: bool = True
    audio_mask: float = between(0.0, 0, 1)
    row_dropout: float = between(0.0, 0, 1)


@dataclass
class DataConfig:
    """The library, its store, the split and the triplets."""

    songs: str | None = None
    store: str = "outputs/store"
    workers: int = between(2, 1, PROCESSES)
    steps_types: list[str] = field(default_factory=lambda: ["dance-single"])
    missing_audio: str = one_of("mask", "skip", "error")
    classes: dict[str, list[str]] = field(default_factory=dict)
    radar: str = one_of("konami", "stepmania")
    split_seed: int = 0
    val_fraction: float = between(0.2, above=0, below=1)
    fold: int = between(0, 0)
    batch_size: int = between(128, 3, why="a triplet needs three charts")
    passes_per_epoch: int = between(1, 1, 10_000)
    triplets: TripletsConfig = field(default_factory=TripletsConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    generated: GeneratedConfig = field(default_factory=GeneratedConfig)


@dataclass
class ModelConfig:
    """Sizes of `LateFusionClassifier`; see `groove.model.fusion`."""

    _target_: str = "groove.model.fusion.LateFusionClassifier"
    audio_dim: int = between(128, 1, WIDEST)
    chart_dim: int = between(64, 1, WIDEST)
    fusion_dim: int = between(256, 1, WIDEST)
    backbone_blocks: int = between(4, 1, 100)
    projection_dim: int = between(128, 1, WIDEST)
    classifier_hidden: int = between(64, 1, WIDEST)
    pooling: str = one_of("mean_max", "attention", "statistics")
    head: str = one_of("classification", "ordinal")
    dropout: float = between(0.1, 0, below=1)
    max_frames: int | None = between(1440, 1)
    radar_mlp: bool = False
    radar_in_projection: bool = False


@dataclass
class LossConfig:
    """The contrastive loss; a setting that the class of `_target_` does not have is not used (null: its default).

    `triplet_margin` is also what the verdict's triplet margin is measured against, whatever the loss.
    """

    _target_: str = "groove.model.losses.AdaptiveTripletLoss"
    triplet_margin: float = between(2.0, 0, 1e6)
    margin_scale: float | None = between(None, 0, 1e6)
    normalize: bool = False
    pooled_weight: float = between(0.0, 0, 1e6)
    temperature: float | None = between(None, above=0, most=1e6)
    bandwidth: float | None = between(None, above=0, most=1e6)
    name: str | None = None
    pairs: str | None = None


@dataclass
class MiningConfig:
    """How negatives are chosen in embedding space among those that the radar allows."""

    _target_: str = "groove.model.mining.RandomMiner"


@dataclass
class OptimizerConfig:
    """AdamW and the learning-rate schedule of one fit."""

    lr: float = between(1e-4, above=0, most=10)
    weight_decay: float = between(0.01, 0, 100)
    schedule: str = one_of("constant", "cosine")
    label_smoothing: float = between(0.0, 0, below=1)
    class_weights: bool = False


@dataclass
class WeightsConfig:
    """The weight of each loss within a phase; 0 silences it."""

    classification: float = between(0.0, 0, 1e6)
    contrastive: float = between(0.0, 0, 1e6)


@dataclass
class PhaseConfig:
    """One phase: `epochs: null` means all that remain. Give `freeze` or `train_only`, not both."""

    name: str = MISSING
    epochs: int | None = between(None, 0)
    freeze: list[str] = field(default_factory=list)
    train_only: list[str] = field(default_factory=list)
    weights: WeightsConfig = field(default_factory=WeightsConfig)
    lr_factor: dict[str, float] = between(dict, 0, 1e6)


@dataclass
class ExperimentConfig:
    """What an experiment is: its phases, and the verdict it is judged by.

    `warmup_epochs` and `classification_weight` are names for what phases use of them (null: none does).
    """

    name: str = MISSING
    verdict: str = one_of("a", "b", "c", "baseline", "pretrain", "control", default=MISSING)
    needs_pretrained: bool = True
    epochs: int = between(20, 1, MOST_EPOCHS)
    warmup_epochs: int = between(0, 0)
    classification_weight: float | None = between(None, 0)
    phases: list[PhaseConfig] = field(default_factory=list)


@dataclass
class PretrainConfig:
    """The classifier that `experiment=pretrain` trains, and that the others start from without `pretrained=`."""

    epochs: int = between(MISSING, 1, MOST_EPOCHS)
    lr: float = between(MISSING, above=0, most=10)
    weight_decay: float = between(MISSING, 0, 100)
    label_smoothing: float = between(MISSING, 0, below=1)
    batch_size: int = between(MISSING, 3, why="as data.batch_size")
    root: str = "outputs/pretrained"


@dataclass
class DiagnosticsConfig:
    """How many charts the gradients of both objectives are measured on."""

    gradient_charts: int = between(32, 1)


@dataclass
class TrainerConfig:
    """Arguments of `lightning.Trainer`, and the number of threads torch may use."""

    accelerator: str = one_of("cpu", "gpu", "cuda", "mps", "auto")
    devices: int = between(1, 1, PROCESSES)
    num_nodes: int = between(1, 1, PROCESSES)
    strategy: str = one_of("auto", "ddp")
    precision: str = one_of("32-true", "bf16-mixed", "16-mixed")
    gradient_clip_val: float = between(1.0, 0)
    accumulate_grad_batches: int = between(1, 1)
    threads: int = between(2, 1, PROCESSES)
    progress_bar: bool = True
    limit_train_batches: int | None = between(None, 1)


@dataclass
class PrepareConfig:
    """Schema of `conf/prepare.yaml`; `shard` of `shards`, counted from 0, computes its part and writes no catalogue."""

    data: DataConfig = field(default_factory=DataConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    shard: int | None = between(None, 0)
    shards: int = between(1, 1)
    figure: bool = True


@dataclass
class TrainConfig:
    """Schema of `conf/train.yaml`."""

    seed: int = between(0, 0, LARGEST_SEED)
    data: DataConfig = field(default_factory=DataConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    experiment: ExperimentConfig = field(default_factory=ExperimentConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    pretrained: str | None = None
    ckpt_path: str | None = None


def run_main(task: Callable[[Any], None], config_name: str, schema: type) -> None:
    """Compose `conf/<config_name>.yaml` with the command line, check it against `schema`, and call ``task(cfg)``.

    A user's mistake is printed as one line on standard error, with exit status 1; Ctrl-C exits with 130. In a sweep the
    other jobs still run.
    """
    import hydra
    from hydra.errors import HydraException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra re-raises instead of printing; the lines below print

    @hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)
    def app(cfg: DictConfig) -> None:
        composing.clear()
        try:
            task(checked(cfg, schema))
        except GrooveError as error:  # caught here, since Hydra writes a line of its own when a job raises
            failures.append(_one_line(str(error)))
        except OSError as error:
            failures.append(_one_line(_line_of_disk(error)))
        composing.append(True)

    failures: list[str] = []
    composing = [True]
    sys.argv = [sys.argv[0], *map(_quote_path, sys.argv[1:])]
    try:
        app()
    except (HydraException, OmegaConfBaseException) as error:
        failures.append(_one_line(explain(error, schema)))
    except OSError as error:  # of Hydra's own files
        failures.append(_one_line(_line_of_disk(error)))
    except Exception as error:
        if not composing:
            raise
        failures.append(_one_line(explain(error, schema)))  # Hydra asserts what some overrides are, as data=-1
    except KeyboardInterrupt:
        print("groove: interrupted", file=sys.stderr)
        sys.exit(130)
    if failures:
        sys.exit(1)


def _line_of_disk(error: OSError) -> str:
    """Return the line for a full or read-only disk; anything else is raised again."""
    line = disk_error(error)
    if line is None:
        raise error
    return line


def checked(cfg: DictConfig, schema: type) -> Any:
    """Return `cfg` merged into the dataclass `schema`, all interpolations resolvable, read-only.

    Raises:
        ConfigError: for a key the schema does not have, and a value that is missing, of the wrong type, or not allowed.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), cfg)
        check_ranges(OmegaConf.to_container(merged, resolve=True, throw_on_missing=True), schema)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, schema)) from error
    OmegaConf.set_readonly(merged, True)
    return merged


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Return `cfg` as plain Python containers, resolved: the only form that may enter a checkpoint."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def explain(error: Exception, schema: type) -> str:
    """Return Hydra's or OmegaConf's multi-line `error` as one line that says what is allowed."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name} does not exist: {did_you_mean(name, error.options)}"
    where = _full_key(error, schema)
    if isinstance(error, ConfigKeyError) and where:
        return _unknown_key(where, schema)
    text = str(error)
    for prefix in ("Could not override '", "Key '"):
        if text.startswith(prefix):
            key = text.removeprefix(prefix).split("'")[0].lstrip("+~")
            if not _key_exists(key, schema):
                return _unknown_key(key, schema)
            if text.startswith("Could not override"):
                return f"the files of this configuration do not set '{key}'; to set it write +{key}=..."
    line = next(iter(text.strip().splitlines()), f"these overrides cannot be used ({type(error).__name__})")
    return f"{where}: {line}" if where else line


def _full_key(error: Exception, schema: type) -> str | None:
    """Return the key that `error` is about; inside a list OmegaConf names it from the list's element on."""
    key = getattr(error, "full_key", None)
    place = _place(getattr(error, "object_type", None), schema)
    return f"{place}.{key.rpartition('.')[2]}" if key and place and not key.startswith(place) else key


def _place(wanted: Any, node: Any) -> str | None:
    """Return the dotted path from the dataclass `node` to a field of type `wanted`, or of a list of it."""
    for name, kind in _fields(node).items():
        if wanted is not None and wanted in (kind, *typing.get_args(kind)):
            return name
        below = _place(wanted, kind)
        if below:
            return f"{name}.{below}"
    return None


def _unknown_key(key: str, schema: type) -> str:
    """Return the line for a `key` that `schema` lacks: the first level at which it fails, and what exists there."""
    node: Any = schema
    parents: list[str] = []
    for part in key.split("."):
        fields = _fields(node)
        name = part.split("[")[0]
        if typing.get_origin(node) is dict:
            return f"there is no '{name}' in '{'.'.join(parents)}' yet; to add it write +{key}=..."
        if not _is_index(part, node) and name not in fields:
            where = f"in '{'.'.join(parents)}'" if parents else "at the top level"
            return f"unknown key '{key}': there is no '{name}' {where}; {did_you_mean(name, fields)}"
        parents.append(part)
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[name]
    return f"unknown key '{key}'"


def _key_exists(key: str, schema: type) -> bool:
    node: Any = schema
    for part in key.split("."):
        fields = _fields(node)
        if not _is_index(part, node) and part.split("[")[0] not in fields:
            return False
        node = typing.get_args(node)[0] if _is_index(part, node) else fields[part.split("[")[0]]
    return True


def _is_index(part: str, node: Any) -> bool:
    """Return whether `part` of a key is a position in the list `node`."""
    return part.isdigit() and typing.get_origin(node) is list


def _fields(node: Any) -> dict[str, Any]:
    """Return the field names of a dataclass with their types; of ``list[dataclass]``, those of its element."""
    arguments = typing.get_args(node)
    if typing.get_origin(node) is list and arguments:
        node = arguments[0]
    return dict(typing.get_type_hints(node)) if dataclasses.is_dataclass(node) else {}


def _quote_path(argument: str) -> str:
    """Quote a path that exists for Hydra's grammar, which trips over brackets, accents and quotes in folders' names.

    In Hydra's quoted strings a backslash is itself, except before a quote (and the end is one).
    """
    key, separator, value = argument.partition("=")
    key = key.lstrip("+")
    if not separator or not value or value[0] in "\"'" or not (key in TEXT_KEYS or _is_path(key, value)):
        return argument
    escaped = re.sub(r'(\\*)(?="|$)', r"\1\1", value).replace('"', '\\"')
    return f'{argument.partition("=")[0]}="{escaped}"'


def _is_path(key: str, value: str) -> bool:
    return key in PATH_KEYS and Path(value).exists()


def _one_line(text: str) -> str:
    """Print `text` as one line on standard error and return it."""
    line = f"groove: {one_line(text)}"
    print(line, file=sys.stderr, flush=True)
    return line

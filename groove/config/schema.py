"""The configuration: where it lies, and the schema of each primary file that it is checked against.

Hydra composes the YAML files of `CONF_DIR`; `checked` merges the result into a dataclass schema (Hydra alone accepts a
misspelt key inside an experiment file) and makes it read-only before any work. Nothing heavy (torch, librosa) is
imported here, so that a typo costs a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from groove.config.messages import explain
from groove.config.ranges import PROCESSES, between, check_ranges, one_of
from groove.errors import ConfigError

CONF_DIR = Path(__file__).resolve().parent.parent.parent / "conf"
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
    head: str = one_of("classification", "ordinal", "counted")
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


@dataclass
class EmbedConfig:
    """Schema of `conf/embed.yaml`, and what every command that uses a run takes."""

    run: str = MISSING
    songs: str | None = None
    store: str = "outputs/store"
    workers: int = between(2, 1, PROCESSES)
    threads: int = between(1, 1, PROCESSES)


def checked(cfg: DictConfig, schema: type) -> Any:
    """Return `cfg` merged into the dataclass `schema`, all interpolations resolvable, read-only.

    Raises:
        ConfigError: for a key the schema does not have, and a value that is missing, of the wrong type, or not allowed.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), cfg)
        check_ranges(OmegaConf.to_container(merged, resolve=True, throw_on_missing=True), schema)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, schema, cfg)) from error
    OmegaConf.set_readonly(merged, True)
    return merged


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Return `cfg` as plain Python containers, resolved: the only form that may enter a checkpoint."""
    container = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}

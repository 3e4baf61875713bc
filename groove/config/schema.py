"""The configuration of every command: its keys, their types, ranges and defaults, and what must hold between them.

Hydra composes the YAML files of `CONF_DIR` with the command line; `checked` turns the result into one of these classes,
once, before any work. Every function below a command takes the typed object: what it says has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from groove.charts.chart import DIFFICULTIES, PANELS
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.base import (
    Epochs,
    NameText,
    PathText,
    Percentile,
    Processes,
    Rate,
    Seed,
    Settings,
    Share,
    Text,
    Weight,
    Width,
)
from groove.config.messages import explain, line_of
from groove.config.modules import MODULES
from groove.errors import ConfigError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent.parent
CONF_DIR = next((path for path in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if path.is_dir()), _PACKAGE / "conf")
"""Inside the package where it is installed, beside it in the repository."""
MISSING = "???"
"""How YAML says that a value has to be given."""
NO_EFFECT = (
    *("ckpt_path", "data.store", "data.workers", "data.generated.root", "pretrain.root"),
    *("trainer.accelerator", "trainer.strategy", "trainer.threads", "trainer.progress_bar"),
)
"""The settings that change no result: where files lie, and how the same numbers are computed."""
N_MFCC, N_CONTRAST = 13, 7
LOWEST_BAND_HZ = 200
"""Width of the lowest bands of spectral contrast, each of which must hold a bin of the transform."""
TEMPO_WINDOW_S = 8.0
"""Width of the window in which the local tempo is found; it must hold two hops."""

Family = Literal["konami", "stepmania"]
Space = Literal["projection", "pooled"]
VerdictKind = Literal["a", "b", "c", "baseline", "pretrain", "control"]
What = Literal["embeddings", "radar", "model", "onnx"]
LayoutSeed = Annotated[int, Field(ge=0, le=2**31 - 1)]


# --- features and data


class AudioConfig(Settings):
    """Settings of the audio features; all of them enter the store's key.

    Spectral contrast has 6 octaves from 200 Hz, the last of which must begin below half the sample rate.
    """

    sample_rate: int = Field(22050, ge=12_801, le=384_000)
    n_fft: int = Field(2048, ge=256, le=65_536)
    hop_length: int = Field(512, ge=1, le=65_536)
    n_mels: int = Field(64, ge=N_MFCC, le=1024)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        lowest = -(-self.sample_rate // LOWEST_BAND_HZ)
        if self.n_fft < lowest:
            raise ValueError(f"n_fft must be >= {lowest} (sample_rate / {LOWEST_BAND_HZ}), got {self.n_fft}")
        longest = min(int(self.sample_rate * TEMPO_WINDOW_S / 2), self.n_fft)
        if self.hop_length > longest:
            raise ValueError(f"hop_length must be <= {longest}, got {self.hop_length}")
        if self.n_mels > self.n_fft // 2:
            raise ValueError(f"n_mels must be <= {self.n_fft // 2} (half of n_fft), got {self.n_mels}")
        return self


class FeaturesConfig(Settings):
    """Settings of everything that `prepare` computes; 48 frames per beat is the game's finest row."""

    frames_per_beat: int = Field(4, ge=1, le=48)
    audio: AudioConfig = AudioConfig()


class GeneratedConfig(Settings):
    """The library that is written when `data.songs` is not given; one song of it is held out."""

    songs: int = Field(160, ge=2, le=100_000)
    seed: Seed = 0
    root: PathText = "outputs/library"


class TripletsConfig(Settings):
    """Which same-difficulty pairs are positives and negatives, and how many triplets are drawn."""

    positive_percentile: Percentile = 15.0
    negative_percentile: Percentile = 85.0
    same_difficulty_only: bool = True
    per_anchor: int = Field(4, ge=1, le=1000)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.positive_percentile > self.negative_percentile:
            most = f"negative_percentile ({self.negative_percentile:g})"
            raise ValueError(f"positive_percentile must be <= {most}, got {self.positive_percentile:g}")
        return self


class AugmentConfig(Settings):
    """Training-only augmentation; a mirror leaves the radar unchanged."""

    mirror: bool = True
    audio_mask: float = Field(0.0, ge=0, le=1)
    row_dropout: float = Field(0.0, ge=0, le=1)


class DataConfig(Settings):
    """The library, its store, the split and the triplets; a triplet needs a batch of three charts."""

    songs: PathText | None = None
    store: PathText = "outputs/store"
    workers: Processes = 2
    steps_types: list[str] = Field(["dance-single"], min_length=1)
    missing_audio: Literal["mask", "skip", "error"] = "mask"
    classes: dict[str, list[str]] = {name: [name] for name in DIFFICULTIES[:3]} | {"Hard": ["Hard", "Challenge"]}
    radar: Family = "konami"
    split_seed: int = 0
    val_fraction: float = Field(0.2, gt=0, lt=1)
    fold: int = Field(0, ge=0)
    batch_size: int = Field(128, ge=3)
    passes_per_epoch: int = Field(1, ge=1, le=10_000)
    triplets: TripletsConfig = TripletsConfig()
    augment: AugmentConfig = AugmentConfig()
    generated: GeneratedConfig = GeneratedConfig()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known_steps_types(self.steps_types)
        if len(self.classes) < 2:
            raise ValueError(f"classes must be two or more, got {len(self.classes)}")
        named = [(name, slot) for name, slots in self.classes.items() for slot in slots]
        for name, slots in self.classes.items():
            if not slots:
                raise ValueError(f"classes.{name} must name a slot; ~data.classes.{name} removes the class")
        for name, slot in named:
            if slot not in DIFFICULTIES:
                raise ValueError(f"classes.{name} names '{slot}': {did_you_mean(slot, DIFFICULTIES)}")
            if [other for _, other in named].count(slot) > 1:
                raise ValueError(f"classes must name each slot once, got '{slot}' twice")
        return self

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        folds = round(1 / self.val_fraction)
        if self.fold >= folds:
            raise ValueError(f"fold must be < {folds} (1 / data.val_fraction parts, counted from 0), got {self.fold}")
        return self


def known_steps_types(steps_types: list[str]) -> list[str]:
    """Return `steps_types`.

    Raises:
        ValueError: if one of them is of charts that cannot be read.
    """
    for steps_type in steps_types:
        if steps_type not in PANELS:
            raise ValueError(f"steps_types names '{steps_type}': {did_you_mean(steps_type, PANELS)}")
    return steps_types


# --- model and losses


class ModelConfig(Settings):
    """Sizes of `LateFusionClassifier`; see `groove.model.fusion`. They stand in ``conf/model``."""

    target: str = Field("groove.model.fusion.LateFusionClassifier", alias="_target_")
    audio_dim: Width
    chart_dim: Width
    fusion_dim: Width
    backbone_blocks: int = Field(ge=1, le=100)
    projection_dim: Width
    classifier_hidden: Width
    pooling: Literal["mean_max", "attention", "statistics"]
    head: Literal["classification", "ordinal", "counted"] = "classification"
    dropout: Share = 0.1
    max_frames: int | None = Field(None, ge=1)
    radar_mlp: bool = False
    radar_in_projection: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the class that `target` names."""
        return self.model_dump(exclude={"target"})


class LossConfig(Settings):
    """The contrastive loss; a setting that the class of `_target_` does not have is not used (null: its default).

    `triplet_margin` is also what the verdict's triplet margin is measured against, whatever the loss.
    """

    target: str = Field("groove.model.losses.AdaptiveTripletLoss", alias="_target_")
    triplet_margin: Weight = 2.0
    margin_scale: Weight | None = None
    normalize: bool = False
    pooled_weight: Weight = 0.0
    temperature: float | None = Field(None, gt=0, le=1e6)
    bandwidth: float | None = Field(None, gt=0, le=1e6)
    name: str | None = None
    pairs: Literal["triplets", "classes"] | None = None


class MiningConfig(Settings):
    """How negatives are chosen in embedding space among those that the radar allows."""

    target: str = Field("groove.model.mining.RandomMiner", alias="_target_")


class OptimizerConfig(Settings):
    """AdamW and the learning-rate schedule of one fit."""

    lr: Rate = 1e-4
    weight_decay: float = Field(0.01, ge=0, le=100)
    schedule: Literal["constant", "cosine"] = "constant"
    label_smoothing: Share = 0.0
    class_weights: bool = False


# --- the experiment


class WeightsConfig(Settings):
    """The weight of each loss within a phase; 0 silences it."""

    classification: Weight = 0.0
    contrastive: Weight = 0.0


class PhaseConfig(Settings):
    """One phase: `epochs: null` means all that remain. Give `freeze` or `train_only`, not both."""

    name: str
    epochs: int | None = Field(None, ge=0)
    freeze: list[str] = Field([])
    train_only: list[str] = Field([])
    weights: WeightsConfig
    lr_factor: dict[str, Weight] = Field({})

    @model_validator(mode="after")
    def _can_train(self) -> Self:
        if self.freeze and self.train_only:
            raise ValueError("freeze and train_only are both given; give one of them")
        for key in ("freeze", "train_only", "lr_factor"):
            for name in getattr(self, key):
                if not any(module.startswith(name) for module in MODULES):
                    raise ValueError(f"{key} names '{name}': {did_you_mean(name, MODULES)}")
        if not (self.weights.classification or self.weights.contrastive):
            raise ValueError("weights must have one above 0")
        return self


class ExperimentConfig(Settings):
    """What an experiment is: its phases, and the verdict it is judged by.

    `warmup_epochs` and `classification_weight` are names for what phases use of them (null: none does).
    """

    name: str
    verdict: VerdictKind
    needs_pretrained: bool = True
    epochs: Epochs = 20
    warmup_epochs: int = Field(0, ge=0)
    classification_weight: Weight | None = None
    phases: list[PhaseConfig] = Field(min_length=1)

    @model_validator(mode="after")
    def _epochs_add_up(self) -> Self:
        given = [phase.epochs for phase in self.phases]
        rest = self.epochs - sum(n or 0 for n in given)
        if given.count(None) > 1 or (rest < 1 if None in given else rest):
            text = "null, once, takes what is left, which must be at least 1"
            raise ValueError(f"phases: epochs {given} do not add up to experiment.epochs={self.epochs} ({text})")
        return self

    @model_validator(mode="after")
    def _phases_use_what_is_set(self) -> Self:
        """A warm-up or a weight that no phase uses would change nothing, in silence."""
        used: dict[str, list[Any]] = {
            "warmup_epochs": [phase.epochs for phase in self.phases],
            "classification_weight": [phase.weights.classification for phase in self.phases],
        }
        for key, values in used.items():
            value = getattr(self, key)
            if value and value not in values:
                where = f"no phase of experiment={self.name} uses it; its phases are in conf/experiment"
                raise ValueError(f"{key} is {value:g}, but {where}")
        return self

    @property
    def phase_lengths(self) -> list[int]:
        """Return the number of epochs of each phase."""
        rest = self.epochs - sum(phase.epochs or 0 for phase in self.phases)
        return [rest if phase.epochs is None else phase.epochs for phase in self.phases]


class PretrainConfig(Settings):
    """The classifier that `experiment=pretrain` trains, and that the others start from without `pretrained=`."""

    epochs: Epochs = 12
    lr: Rate = 1e-3
    weight_decay: float = Field(0.1, ge=0, le=100)
    label_smoothing: Share = 0.05
    batch_size: int = Field(32, ge=3)
    root: PathText = "outputs/pretrained"


class DiagnosticsConfig(Settings):
    """How many charts the gradients of both objectives are measured on."""

    gradient_charts: int = Field(32, ge=1)


class TrainerConfig(Settings):
    """Arguments of `lightning.Trainer`, and the number of threads torch may use."""

    accelerator: Literal["cpu", "gpu", "cuda", "mps", "auto"] = "cpu"
    devices: Processes = 1
    num_nodes: Processes = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    gradient_clip_val: float = Field(1.0, ge=0)
    accumulate_grad_batches: int = Field(1, ge=1)
    threads: Processes = 2
    progress_bar: bool = True
    limit_train_batches: int | None = Field(None, ge=1)


# --- the commands


class TrainConfig(Settings):
    """Schema of `conf/train.yaml`."""

    seed: Seed = 0
    data: DataConfig
    features: FeaturesConfig = FeaturesConfig()
    model: ModelConfig
    loss: LossConfig
    mining: MiningConfig
    optimizer: OptimizerConfig
    experiment: ExperimentConfig
    pretrain: PretrainConfig
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()
    trainer: TrainerConfig = TrainerConfig()
    pretrained: PathText | None = None
    ckpt_path: PathText | None = None

    @model_validator(mode="after")
    def _radar_fits_the_embedding(self) -> Self:
        predicts_radar = self.loss.target.endswith(".RadarRegressionLoss")
        if predicts_radar and self.model.projection_dim < len(RADAR_AXES):
            why = f"{len(RADAR_AXES)} (the loss predicts the radar)"
            raise ValueError(f"model.projection_dim must be >= {why}, got {self.model.projection_dim}")
        return self


class PrepareConfig(Settings):
    """Schema of `conf/prepare.yaml`; `shard` of `shards`, counted from 0, computes its part and writes no catalogue."""

    data: DataConfig = DataConfig()
    features: FeaturesConfig = FeaturesConfig()
    shard: int | None = Field(None, ge=0)
    shards: int = Field(1, ge=1)
    figure: bool = True

    @model_validator(mode="after")
    def _shard_exists(self) -> Self:
        if self.shard is None and self.shards > 1:
            raise ValueError(f"shard must say which of shards={self.shards}: shard=0 to shard={self.shards - 1}")
        if self.shard is not None and self.shard >= self.shards:
            raise ValueError(f"shard must be < {self.shards} (shards, counted from 0), got {self.shard}")
        return self


class RadarConfig(Settings):
    """Schema of `conf/radar.yaml`."""

    songs: PathText
    out: PathText = "radar.csv"
    steps_types: list[str] = Field(["dance-single"], min_length=1)
    song_end: Literal["song", "last_row"] = "song"
    store: PathText | None = "outputs/store"
    workers: Processes = 2
    figure: bool = True
    compare: PathText | None = None

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known_steps_types(self.steps_types)
        return self


class EmbedConfig(Settings):
    """Schema of `conf/embed.yaml`, and what every command that uses a run takes."""

    run: PathText
    songs: PathText | None = None
    store: PathText = "outputs/store"
    workers: Processes = 2
    threads: Processes = 1


class RadarQueryConfig(Settings):
    """A radar to look for: a number, ``low``, ``medium`` or ``high`` for each axis that matters."""

    stream: Text | None = None
    voltage: Text | None = None
    air: Text | None = None
    freeze: Text | None = None
    chaos: Text | None = None


class RecommendConfig(EmbedConfig):
    """Schema of `conf/recommend.yaml`; `meter`, `bpm` and `length` are ranges as `groove.retrieval.filters` reads."""

    chart: NameText | None = None
    simfile: PathText | None = None
    radar: RadarQueryConfig = RadarQueryConfig()
    k: int = Field(10, ge=1)
    space: Space = "projection"
    difficulty: Text | list[Text] | None = "same"
    meter: Text | None = None
    bpm: Text | None = None
    length: Text | None = None
    pack: NameText | list[NameText] | None = None
    same_song: bool = False
    out: PathText | None = None


class EvaluateConfig(EmbedConfig):
    """Schema of `conf/evaluate.yaml`."""

    draws: int = Field(1000, ge=1, le=100_000)
    technique: bool = True
    out: PathText | None = None


class ExploreConfig(EmbedConfig):
    """Schema of `conf/explore.yaml`."""

    out: PathText = "explore.html"
    space: Space = "projection"
    neighbors: int = Field(10, ge=1, le=100)
    method: Literal["tsne", "pca"] = "tsne"
    seed: LayoutSeed = 0
    substyles: bool = True


class SubstylesConfig(EmbedConfig):
    """Schema of `conf/substyles.yaml`."""

    out: PathText = "outputs/substyles"
    space: Space = "projection"
    largest: int = Field(8, ge=2, le=50)
    seed: LayoutSeed = 0


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class ExportConfig(EmbedConfig):
    """Schema of `conf/export.yaml`; `what` is a name, a list of names, or None for all that can be made."""

    out: PathText
    what: Annotated[list[What] | None, BeforeValidator(_as_list)] = None

    @model_validator(mode="after")
    def _something_is_wanted(self) -> Self:
        if self.what == []:
            raise ValueError("what must be null (all) or name something, got []")
        return self


class ReportConfig(Settings):
    """Schema of `conf/report.yaml`; `runs` is a folder or a list of folders."""

    runs: PathText | list[PathText] = "outputs"
    out: PathText = "outputs"


# --- from what Hydra composed


S = TypeVar("S", bound=Settings)


def checked(cfg: DictConfig | Mapping[str, Any], schema: type[S]) -> S:
    """Return `cfg` as the typed, read-only settings `schema`, all interpolations resolved.

    Raises:
        ConfigError: for a key the schema does not have, and a value that is missing or cannot be.
    """
    try:
        content = OmegaConf.to_container(cfg, resolve=True) if isinstance(cfg, DictConfig) else cfg
        return schema.model_validate(_given(content))
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, schema)) from error
    except ValidationError as error:
        raise ConfigError(line_of(error, schema)) from error


def _given(content: Any) -> Any:
    """Return nested `content` without the settings that are to be given and are not."""
    if isinstance(content, Mapping):
        return {key: _given(value) for key, value in content.items() if value != MISSING}
    return [_given(value) for value in content] if isinstance(content, list) else content


def plain(cfg: Settings) -> dict[str, Any]:
    """Return `cfg` as plain Python containers: the only form that may enter a checkpoint."""
    return cfg.model_dump(mode="json")


def flat(settings: Mapping[str, Any], but: Sequence[str] = (), prefix: str = "") -> dict[str, Any]:
    """Return nested plain `settings` as one level of dotted keys, without the keys `but` and all below them."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if key not in but:
            found |= flat(value, but, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return found

"""The configuration of every command: its keys, their types, ranges and defaults, and what must hold between them.

Hydra composes the YAML files of `CONF_DIR` with the command line; `checked` turns the result into one of these classes,
once, before any work. Every function below a command takes the typed object: what it says has been checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from groove.charts.chart import DIFFICULTIES, PANELS
from groove.charts.generated import Variety
from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.messages import explain, line_of
from groove.config.modules import BUILTIN, MODULES, PARTS
from groove.errors import ConfigError, did_you_mean

CONF_DIR = next(path for parent in Path(__file__).resolve().parents if (path := parent / "conf").is_dir())
"""Inside the package where it is installed, beside it in the repository."""
NO_EFFECT = (
    *("ckpt_path", "data.store", "data.workers", "data.generated.root", "pretrain.root"),
    *("trainer.accelerator", "trainer.strategy", "trainer.threads", "trainer.progress_bar"),
    *("trainer.profiler", "logger", "optimized_metric"),
)
"""The settings that change no result: where files lie, and how the same numbers are computed."""
N_MFCC, N_CONTRAST = 13, 7
LOWEST_BAND_HZ = 200
"""Width of the lowest bands of spectral contrast, each of which must hold a bin of the transform."""
TEMPO_WINDOW_S = 8.0
"""Width of the window in which the local tempo is found; it must hold two hops."""


# --- what every group of settings has in common, and the kinds of values


class Settings(BaseModel):
    """A group of settings. Numbers are finite, nothing is converted (but whole numbers to floats)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, serialize_by_alias=True)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other `values`, checked again: a ValidationError for those that cannot be."""
        return self.model_validate(self.model_dump() | values)

    def _mistakes(self) -> Iterator[str]:
        """Yield what the values must be together and are not, each line beginning with a key."""
        yield from ()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for mistake in self._mistakes():
            raise ValueError(mistake)
        return self


def one_of(names: Collection[str]) -> AfterValidator:
    """Return a check that a text is one of `names`, as of a Literal that is not written out."""
    expected = " or ".join(map(repr, names))

    def check(value: str) -> str:
        if value not in names:
            raise PydanticCustomError("literal_error", "{expected}", {"expected": expected})
        return value

    return AfterValidator(check)


PATH, NAME = "path", "name"
"""Marks of text that the command line takes as it is written, brackets, commas and all."""
Text = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) in (int, float) else value)]
"""Text, in which a number may stand: a folder may be called 5."""
PathText = Annotated[Text, PATH]
NameText = Annotated[Text, NAME]

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Processes = Annotated[int, Field(ge=1, le=1024)]
Width = Annotated[int, Field(ge=1, le=8192)]
"""Channels of a layer: wider ones have more weights than a machine has memory."""
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=10)]
Share = Annotated[float, Field(ge=0, lt=1)]
Percentile = Annotated[float, Field(gt=0, lt=100)]
Family = Literal["konami", "stepmania"]
Space = Literal["projection", "pooled"]
VerdictKind = Literal["a", "b", "c", "feel", "baseline", "pretrain", "control", "overfit"]
What = Literal["embeddings", "radar", "model", "onnx"]
ListOfWhat = Annotated[list[What], Field(min_length=1), BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
Slot = Annotated[str, one_of(DIFFICULTIES)]
StepsType = Annotated[str, one_of(PANELS)]
LayoutSeed = Annotated[int, Field(ge=0, le=2**31 - 1)]


# --- features and data


class AudioConfig(Settings):
    """Settings of the audio features; the last of contrast's 6 octaves from 200 Hz begins below half the rate."""

    sample_rate: int = Field(22050, ge=12_801, le=384_000)
    n_fft: int = Field(2048, ge=256, le=65_536)
    hop_length: int = Field(512, ge=1, le=65_536)
    n_mels: int = Field(64, ge=N_MFCC, le=1024)

    def _mistakes(self) -> Iterator[str]:
        lowest = -(-self.sample_rate // LOWEST_BAND_HZ)
        if self.n_fft < lowest:
            yield f"n_fft must be >= {lowest} (sample_rate / {LOWEST_BAND_HZ}), got {self.n_fft}"
        longest = min(int(self.sample_rate * TEMPO_WINDOW_S / 2), self.n_fft)
        if self.hop_length > longest:
            yield f"hop_length must be <= {longest}, got {self.hop_length}"
        if self.n_mels > self.n_fft // 2:
            yield f"n_mels must be <= {self.n_fft // 2} (half of n_fft), got {self.n_mels}"


class FeaturesConfig(Settings):
    """Settings of everything that `prepare` computes; 48 frames per beat is the game's finest row."""

    frames_per_beat: int = Field(4, ge=1, le=48)
    audio: AudioConfig = AudioConfig()


class GeneratedConfig(Settings):
    """The library that is written when `data.songs` is not given; one song of it is held out."""

    songs: int = Field(160, ge=2, le=100_000)
    seed: Seed = 0
    root: PathText = "outputs/library"
    variety: Variety = "plain"


class TripletsConfig(Settings):
    """Which same-difficulty pairs are positives and negatives, and how many triplets are drawn."""

    positive_percentile: Percentile = 15.0
    negative_percentile: Percentile = 85.0
    same_difficulty_only: bool = True
    per_anchor: int = Field(16, ge=1, le=1000)

    def _mistakes(self) -> Iterator[str]:
        positive, negative = self.positive_percentile, self.negative_percentile
        if positive > negative:
            yield f"positive_percentile must be <= negative_percentile ({negative:g}), got {positive:g}"


class AugmentConfig(Settings):
    """Training-only augmentation; a mirror leaves the radar unchanged."""

    mirror: bool = True
    audio_mask: float = Field(0.0, ge=0, le=1)
    audio_hidden: float = Field(0.0, ge=0, le=1)
    row_dropout: float = Field(0.0, ge=0, le=1)


class DataConfig(Settings):
    """The library, its store, the split and the triplets; a triplet needs a batch of three charts."""

    songs: PathText | None = None
    store: PathText = "outputs/store"
    workers: Processes = 2
    steps_types: list[StepsType] = Field(["dance-single"], min_length=1)
    missing_audio: Literal["mask", "skip", "error"] = "mask"
    classes: dict[str, list[Slot]] = {name: [name] for name in DIFFICULTIES[:3]} | {"Hard": ["Hard", "Challenge"]}
    radar: Family = "konami"
    split_seed: int = 0
    val_fraction: float = Field(0.2, gt=0, lt=1)
    fold: int = Field(0, ge=0)
    batch_size: int = Field(64, ge=3)
    min_steps: int = Field(8, ge=1, le=1_000_000)
    overfit_batches: int | None = Field(None, ge=1)
    triplets: TripletsConfig = TripletsConfig()
    augment: AugmentConfig = AugmentConfig()
    generated: GeneratedConfig = GeneratedConfig()

    def _mistakes(self) -> Iterator[str]:
        if len(self.classes) < 2:
            yield f"classes must hold at least two classes, got {len(self.classes)}"
        for name, slots in self.classes.items():
            if not slots:
                yield f"classes.{name} must name a slot; ~data.classes.{name} removes the class"
        for slot, times in Counter(chain(*self.classes.values())).items():
            if times > 1:
                yield f"classes must name each slot once, got '{slot}' twice"
        folds = round(1 / self.val_fraction)
        if self.fold >= folds:
            yield f"fold must be < {folds} (1 / data.val_fraction parts, counted from 0), got {self.fold}"


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
    pooling: Literal["mean_max", "attention", "statistics", "profile"]
    head: Literal["classification", "ordinal", "counted"] = "classification"
    dropout: Share = 0.1
    max_frames: int | None = Field(None, ge=1)
    radar_mlp: bool = False
    radar_in_projection: bool = False
    body: bool = False
    parts: dict[str, Weight] = Field({"radar": 1.0})

    def _mistakes(self) -> Iterator[str]:
        for name, weight in self.parts.items():
            if name not in PARTS:
                yield f"parts names '{name}': {did_you_mean(name, PARTS)}"
            elif not weight:
                without = "" if name == PARTS[0] else f"; ~model.parts.{name} leaves the part out"
                yield f"parts.{name} must be above 0{without}"
        if next(iter(self.parts), "") != PARTS[0]:
            yield f"parts must begin with {PARTS[0]}, got {', '.join(self.parts) or 'none'}"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the class that `target` names."""
        return self.model_dump(exclude={"target"})


class LossConfig(Settings):
    """The contrastive loss; what the class of `_target_` does not have is not used (but the verdict's margin)."""

    target: str = Field("groove.model.losses.AdaptiveTripletLoss", alias="_target_")
    triplet_margin: Weight = 2.0
    margin_scale: Weight | None = None
    radius: float | None = Field(None, gt=0, le=1e6)
    pooled_weight: Weight = 0.0
    temperature: float | None = Field(None, gt=0, le=1e6)
    bandwidth: float | None = Field(None, gt=0, le=1e6)
    name: Literal["NTXentLoss", "SupConLoss"] | None = None
    pairs: Literal["triplets", "classes"] | None = None


class MiningConfig(Settings):
    """How negatives are chosen in embedding space among those that the radar allows."""

    target: str = Field("groove.model.mining.HardMiner", alias="_target_")


class OptimizerConfig(Settings):
    """AdamW and the learning-rate schedule of one fit."""

    lr: Rate = 1e-3
    weight_decay: float = Field(0.01, ge=0, le=100)
    schedule: Literal["constant", "cosine"] = "cosine"
    ramp: float = Field(0.15, ge=0, le=1)
    label_smoothing: Share = 0.0
    class_weights: bool = False


# --- the experiment


class WeightsConfig(Settings):
    """The weight of each loss within a phase; 0 silences it."""

    classification: Weight = 0.0
    contrastive: Weight = 0.0
    drift: Weight = 0.0


class PhaseConfig(Settings):
    """One phase: `epochs: null` means all that remain. Give `freeze` or `train_only`, not both."""

    name: str
    epochs: int | None = Field(None, ge=0)
    freeze: list[str] = Field([])
    train_only: list[str] = Field([])
    weights: WeightsConfig
    lr_factor: dict[str, Weight] = Field({})

    def _mistakes(self) -> Iterator[str]:
        if self.freeze and self.train_only:
            yield "freeze and train_only are both given; give one of them"
        for key in ("freeze", "train_only", "lr_factor"):
            for name in getattr(self, key):
                if not any(module.startswith(name) for module in MODULES):
                    yield f"{key} names '{name}': {did_you_mean(name, MODULES)}"
        if not (self.weights.classification or self.weights.contrastive):
            yield "weights must have classification or contrastive above 0"


class ExperimentConfig(Settings):
    """Phases and the verdict they are judged by; `warmup_epochs` and the two weights are for phases to use."""

    name: str
    verdict: VerdictKind
    needs_pretrained: bool = True
    epochs: Epochs = 20
    warmup_epochs: int = Field(0, ge=0)
    classification_weight: Weight | None = None
    drift_weight: Weight = 0.0
    phases: list[PhaseConfig] = Field(min_length=1)

    def _mistakes(self) -> Iterator[str]:
        given = [phase.epochs for phase in self.phases]
        rest = self.epochs - sum(n or 0 for n in given)
        if given.count(None) > 1 or (rest < 1 if None in given else rest):
            text = "null, in one phase only, means the remaining epochs, at least 1"
            yield f"phases: epochs {given} do not add up to experiment.epochs={self.epochs} ({text})"
        weights = [phase.weights for phase in self.phases]
        named = (
            ("warmup_epochs", self.warmup_epochs, given),
            ("classification_weight", self.classification_weight, [w.classification for w in weights]),
            ("drift_weight", self.drift_weight, [w.drift for w in weights]),
        )
        for key, value, used in named:  # a value that no phase uses would change nothing, in silence
            if value and value not in used:
                where = f"no phase of experiment={self.name} uses it; its phases are in conf/experiment"
                yield f"{key} is {value:g}, but {where}"

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
    profiler: Literal["simple", "advanced"] | None = None


class LoggerConfig(Settings):
    """What a run is logged with beside its own files; what the class of `_target_` does not have is not given."""

    target: str = Field("groove.training.loggers.tensorboard.EventLogger", alias="_target_")
    project: NameText | None = None
    offline: bool | None = None
    tracking_uri: PathText | None = None


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
    logger: LoggerConfig = LoggerConfig()
    pretrained: PathText | None = None
    ckpt_path: PathText | None = None
    optimized_metric: Literal["val/accuracy", "retrieval/gain/pooled", "retrieval/gain/projection"] | None = None

    def _mistakes(self) -> Iterator[str]:
        size, axes = self.model.projection_dim, len(RADAR_AXES)
        if self.loss.target.endswith(".RadarRegressionLoss") and size < axes:
            yield f"model.projection_dim must be >= {axes} (the loss predicts the radar), got {size}"


class PrepareConfig(Settings):
    """Schema of `conf/prepare.yaml`; `shard` of `shards`, counted from 0, computes its part and writes no catalogue."""

    data: DataConfig = DataConfig()
    features: FeaturesConfig = FeaturesConfig()
    shard: int | None = Field(None, ge=0)
    shards: int = Field(1, ge=1)
    figure: bool = True

    def _mistakes(self) -> Iterator[str]:
        if self.shard is None and self.shards > 1:
            yield f"shard is required with shards={self.shards}: shard=0 to shard={self.shards - 1}"
        if self.shard is not None and self.shard >= self.shards:
            yield f"shard must be < {self.shards} (shards, counted from 0), got {self.shard}"


class RadarConfig(Settings):
    """Schema of `conf/radar.yaml`."""

    songs: PathText
    out: PathText = "radar.csv"
    steps_types: list[StepsType] = Field(["dance-single"], min_length=1)
    song_end: Literal["song", "last_row"] = "song"
    store: PathText | None = "outputs/store"
    workers: Processes = 2
    figure: bool = True
    compare: PathText | None = None


class RunConfig(Settings):
    """What every command that uses a run takes."""

    run: PathText = BUILTIN
    songs: PathText | None = None
    store: PathText = "outputs/store"
    workers: Processes = 2
    threads: Processes = 1


class EmbedConfig(RunConfig):
    """Schema of `conf/embed.yaml`."""

    out: PathText | None = None
    levels: PathText | None = None


class RadarQueryConfig(Settings):
    """A radar to look for: a number, ``low``, ``medium`` or ``high`` for each axis that matters."""

    stream: Text | None = None
    voltage: Text | None = None
    air: Text | None = None
    freeze: Text | None = None
    chaos: Text | None = None


class TechniqueQueryConfig(Settings):
    """Ranges of what the feet do, in times of 100 steps; the names are `TECHNIQUES`."""

    jacks: Text | None = None
    doublesteps: Text | None = None
    crossovers: Text | None = None
    footswitches: Text | None = None
    sideswitches: Text | None = None
    brackets: Text | None = None
    candles: Text | None = None


class PartWeightsConfig(Settings):
    """Another weight of a part of the embedding in distances; null is that of the run."""

    radar: Weight | None = None
    feet: Weight | None = None
    flow: Weight | None = None
    song: Weight | None = None


class RecommendConfig(RunConfig):
    """Schema of `conf/recommend.yaml`; ranges are read by `groove.retrieval.filters`."""

    chart: NameText | None = None
    simfile: PathText | None = None
    radar: RadarQueryConfig = RadarQueryConfig()
    k: int = Field(10, ge=1)
    space: Space = "projection"
    weights: PartWeightsConfig = PartWeightsConfig()
    harder: int | None = Field(None, ge=-30, le=30)
    difficulty: Text | list[Text] | None = "same"
    meter: Text | None = None
    bpm: Text | None = None
    length: Text | None = None
    stream: Text | None = None
    pack: NameText | list[NameText] | None = None
    step_artist: NameText | list[NameText] | None = None
    description: NameText | list[NameText] | None = None
    technique: TechniqueQueryConfig = TechniqueQueryConfig()
    tags: Text | list[Text] | None = None
    same_song: bool = False
    out: PathText | None = None


class EvaluateConfig(RunConfig):
    """Schema of `conf/evaluate.yaml`."""

    draws: int = Field(1000, ge=1, le=100_000)
    tags: PathText | None = None
    tiers: PathText | None = None
    out: PathText | None = None


class ExploreConfig(RunConfig):
    """Schema of `conf/explore.yaml`."""

    out: PathText = "explore.html"
    space: Space = "projection"
    neighbors: int = Field(10, ge=1, le=100)
    method: Literal["tsne", "pca"] = "tsne"
    seed: LayoutSeed = 0
    substyles: bool = True


class SubstylesConfig(RunConfig):
    """Schema of `conf/substyles.yaml`."""

    out: PathText = "outputs/substyles"
    space: Space = "projection"
    largest: int = Field(8, ge=2, le=50)
    seed: LayoutSeed = 0


class ExportConfig(RunConfig):
    """Schema of `conf/export.yaml`; `what` is a name, a list of names, or None for all that can be made."""

    out: PathText
    what: ListOfWhat | None = None


class ReportConfig(Settings):
    """Schema of `conf/report.yaml`; `runs` is a folder or a list of folders."""

    runs: PathText | list[PathText] = "outputs"
    out: PathText = "outputs"


S = TypeVar("S", bound=Settings)


def checked(cfg: DictConfig | Mapping[str, Any], schema: type[S]) -> S:
    """Return `cfg` as the typed, read-only settings `schema`, all interpolations resolved.

    Raises:
        ConfigError: for a key the schema does not have, and a value that is missing or cannot be.
    """
    try:
        if isinstance(cfg, DictConfig):
            return schema.model_validate(OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
        return schema.model_validate(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error, schema)) from error
    except ValidationError as error:
        raise ConfigError(line_of(error, schema)) from error


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

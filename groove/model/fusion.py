"""`LateFusionClassifier`: chart and audio encoded apart, fused per beat, one backbone, two heads.

::

    chart (B,T,35) --> chart_encoder --.
                                        >-- fusion_module --> backbone --> pooling --> classifier_head --> logits
    audio (B,T,23) --> audio_encoder --'    (B,D,P)           (B,D,P)     (B,2D) \
                                                                                  '--> projection_head --> embedding
    radar (B,5) ..optional radar_mlp..> classifier_head only
    counts (B,K) of the chart frames, with head=counted ..> classifier_head only

The radar defines the contrastive task, so nothing of it may reach the embedding: with the radar as an input of the
projection head, a network that sees neither chart nor audio reaches 95 % positive margins (`radar_in_projection=True`
is the ablation that shows it). Dimension letters: B charts, T frames, P beats, D channels, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from groove.charts.radar.groove_radar import RADAR_AXES
from groove.config.modules import FRESH_MODULES, MODULES
from groove.data.dataset import ChartBatch
from groove.errors import CheckpointError, ConfigError, did_you_mean, one_line
from groove.features.audio import AUDIO_FEATURES
from groove.features.frames import CHART_FEATURES, NOTE_FEATURES
from groove.model.chart_counts import chart_counts
from groove.model.encoders import SECONDS, Backbone, BeatConv, FrameEncoder, chart_inputs, position_mask, sums_per_beat
from groove.model.heads import HEADS, CountedHead, ProjectionHead
from groove.model.parts import Parts
from groove.model.pooling import POOLINGS, ProfilePooling, masked_mean
from groove.model.weights import LoadReport, load_weights, read_checkpoint

RADAR_DIM = len(RADAR_AXES)
_RADAR_FEATURES = 16
_CHUNK = 16
"""Charts encoded together; a batch is encoded in chunks of similar length, which halves the padding."""


class ModelOutput(NamedTuple):
    """What one forward pass gives.

    Attributes:
        logits: (B, L), as the classifier head counts them.
        embedding: (B, E) output of the projection head; not normalised.
        pooled: (B, 2 D) what both heads read: the representation that rigidity is measured on.
        layers: per-chart means (B, D) of encoders, fusion_module and backbone, for drift; empty while training.
    """

    logits: Tensor
    embedding: Tensor
    pooled: Tensor
    layers: dict[str, Tensor]


class FusionModule(nn.Module):
    """Concatenates both encodings per beat and mixes them: (B, D1 + D2, P) -> (B, D, P)."""

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__()
        self.mix = BeatConv(in_dim, dim, kernel_size=1)

    def forward(self, audio: Tensor, chart: Tensor) -> Tensor:
        """Return the fused beats; what is beyond a chart's end means nothing."""
        return functional.gelu(self.mix(torch.cat([audio, chart], dim=1)))


class LateFusionClassifier(nn.Module):
    """The model of the source document; see the drawing above. Padding never changes an output."""

    def __init__(
        self,
        classes: int,
        *,
        audio_dim: int,
        chart_dim: int,
        fusion_dim: int,
        backbone_blocks: int,
        projection_dim: int,
        classifier_hidden: int,
        pooling: str,
        head: str,
        dropout: float,
        max_frames: int | None,
        radar_mlp: bool,
        radar_in_projection: bool,
        body: bool,
        parts: Mapping[str, float],
        frames_per_beat: int,
    ) -> None:
        """Build the network for `classes` difficulty classes, of the sizes of a `ModelConfig`, which checks them."""
        super().__init__()
        self.max_frames = max_frames  # where the dataset cuts longer charts
        self.frames_per_beat = frames_per_beat  # the stride of the encoders: one position is one beat
        self.radar_in_projection = radar_in_projection
        self.chart_features = len(CHART_FEATURES if body else NOTE_FEATURES)
        inputs = chart_inputs(torch.zeros(1, 1, self.chart_features)).shape[-1]
        self.parts = Parts(dict(parts), projection_dim)
        self.audio_encoder = FrameEncoder(len(AUDIO_FEATURES) + 1, audio_dim, frames_per_beat, dropout)
        self.chart_encoder = FrameEncoder(inputs, chart_dim, frames_per_beat, dropout)
        self.fusion_module = FusionModule(audio_dim + chart_dim, fusion_dim)
        self.backbone = Backbone(fusion_dim, backbone_blocks, dropout)
        self.pooling = POOLINGS[pooling](fusion_dim, inputs, dropout)
        radar = _RADAR_FEATURES if radar_mlp or radar_in_projection else 0
        self.radar_mlp = nn.Sequential(nn.Linear(RADAR_DIM, radar), nn.GELU()) if radar else None
        read = self.pooling.out_dim + radar + HEADS[head].counts
        self.classifier_head = HEADS[head](read, classifier_hidden, classes, dropout)
        projected = self.pooling.out_dim + (radar if radar_in_projection else 0)
        counted = self.pooling.counted_dim(inputs) if isinstance(self.pooling, ProfilePooling) else 0
        self.projection_head = ProjectionHead(projected, fusion_dim, self.parts.dim, counted)

    @property
    def module_names(self) -> list[str]:
        """Return the names of the modules that this model has, in order of the data's flow."""
        return [name for name in MODULES if getattr(self, name) is not None]

    def module(self, name: str) -> nn.Module:
        """Return the module called `name`."""
        return getattr(self, name)

    def matching(self, names: Sequence[str], where: str) -> list[str]:
        """Return the modules whose name starts with any of `names`.

        Raises:
            ConfigError: if one of them matches nothing; `where` says which setting it came from.
        """
        for name in names:
            if not any(module.startswith(name) for module in self.module_names):
                raise ConfigError(f"{where} names '{name}': {did_you_mean(name, self.module_names)}")
        return [module for module in self.module_names if module.startswith(tuple(names))]

    def forward(self, batch: ChartBatch) -> ModelOutput:
        """Encode each chart once, in chunks of similar length, and apply both heads."""
        order = torch.argsort(batch.lengths, stable=True)
        parts = []
        for chunk in order.split(_CHUNK):
            lengths = batch.lengths[chunk]
            frames = -(-int(lengths.max()) // self.frames_per_beat) * self.frames_per_beat
            chart, audio = (_to_length(x[chunk], frames) for x in (batch.chart, batch.audio))
            parts.append(self.encode_frames(chart, audio, batch.has_audio[chunk], lengths))
        inverse = torch.argsort(order)
        encoded = {name: torch.cat([part[name] for part in parts])[inverse] for name in parts[0]}
        pooled = encoded.pop("pooled")
        counts, counted = (encoded.pop(name, None) for name in ("counts", "counted"))
        radar = batch.radar[batch.own]
        with full_precision(pooled):
            logits, embedding = self.logits(pooled, radar, counts), self.embedding(pooled, radar, counted)
            return ModelOutput(logits, embedding, pooled, encoded)

    def encode_frames(self, chart: Tensor, audio: Tensor, has_audio: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Return ``pooled`` (B, 2 D), the layers' means (B, D) by name, and what the heads need beside them.

        That is ``counts`` (B, K) where the classifier head counts, and ``counted`` (B, K) where the pooling does.

        `chart` (B, T, 35) and `audio` (B, T, 23), `has_audio` (B,) and `lengths` (B,) are as in a `ChartBatch`, with T
        a multiple of `frames_per_beat`.
        """
        stride, frames = self.frames_per_beat, chart.shape[1]
        frame_mask = position_mask(lengths, frames)
        beat_mask = position_mask(-(-lengths // stride), frames // stride)
        audio_in = torch.cat([audio, has_audio[:, None, None].expand(*audio.shape[:2], 1)], dim=-1)
        audio_out = self.audio_encoder(audio_in, frame_mask, beat_mask)
        inputs, per_beat, seconds = self.chart_sums(chart, frame_mask)
        chart_out = self.chart_encoder(inputs, frame_mask, beat_mask)
        fused = self.fusion_module(audio_out, chart_out)
        shared = self.backbone(fused, beat_mask)
        with full_precision(shared):
            profile = self.pooling if isinstance(self.pooling, ProfilePooling) else None
            encoded = {"counted": profile.counted(per_beat, beat_mask, seconds)} if profile else {}
            encoded["pooled"] = self.pooling(shared.float(), beat_mask, per_beat, seconds, **encoded)
            if self.classifier_head.counts:
                encoded["counts"] = chart_counts(chart, lengths, stride)
        if self.training:
            return encoded
        layers = {"audio_encoder": audio_out, "chart_encoder": chart_out, "fusion_module": fused, "backbone": shared}
        return encoded | {name: masked_mean(x.float(), beat_mask) for name, x in layers.items()}

    def chart_sums(self, chart: Tensor, frame_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the chart encoder's inputs (B, T, I), their sums per beat (B, I, P), and the beats' seconds (B, P)."""
        inputs = chart_inputs(chart[..., : self.chart_features])
        seconds = (chart[..., SECONDS] * frame_mask)[..., None]
        stride = self.frames_per_beat
        return inputs, sums_per_beat(inputs * frame_mask[..., None], stride), sums_per_beat(seconds, stride)[:, 0]

    @property
    def counts(self) -> bool:
        """Return whether head or pooling count what `fit_counts` has to scale."""
        return isinstance(self.classifier_head, CountedHead) or isinstance(self.pooling, ProfilePooling)

    @torch.no_grad()
    def fit_counts(self, batches: Iterable[ChartBatch]) -> None:
        """Scale what head and pooling count by the charts of `batches`, where they count anything."""
        pooling, head, stride = self.pooling, self.classifier_head, self.frames_per_beat
        ranked, scaled = [], []
        for batch in batches:
            lengths = batch.lengths
            frames = -(-int(lengths.max()) // stride) * stride
            chart, mask = _to_length(batch.chart, frames), position_mask(lengths, frames)
            if isinstance(pooling, ProfilePooling):
                _, per_beat, seconds = self.chart_sums(chart, mask)
                beats = position_mask(-(-lengths // stride), frames // stride)
                scaled.append(pooling.unscaled(per_beat, beats, seconds))
            if isinstance(head, CountedHead):
                ranked.append(chart_counts(chart, lengths, stride))
        if isinstance(pooling, ProfilePooling):
            pooling.fit(torch.cat(scaled))
        if isinstance(head, CountedHead):
            head.ranks.fit(torch.cat(ranked))

    def logits(self, pooled: Tensor, radar: Tensor | None, counts: Tensor | None = None) -> Tensor:
        """Return the logits (B, L) of `pooled` (B, 2 D); only radar_mlp reads `radar` (B, 5)."""
        features = pooled if self.radar_mlp is None else torch.cat([pooled, self.radar_mlp(radar)], dim=1)
        return self.classifier_head(features if counts is None else torch.cat([features, counts], dim=1))

    def embedding(self, pooled: Tensor, radar: Tensor | None, counted: Tensor | None = None) -> Tensor:
        """Return the embedding (B, E) of `pooled` (B, 2 D) and what the pooling counted (B, K), if it counts.

        `radar` (B, 5) is read only in the ablation `model.radar_in_projection`.
        """
        features = pooled
        if self.radar_in_projection and self.radar_mlp is not None:
            features = torch.cat([pooled, self.radar_mlp(radar)], dim=1)
        return self.parts(self.projection_head(features, counted))

    def set_audio_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Standardise audio with `mean` and `std` (F,) of the training split; the flag column stays as it is."""
        self.audio_encoder.mean[:-1] = mean
        self.audio_encoder.std[:-1] = std

    def freeze(self, names: Sequence[str]) -> None:
        """Freeze exactly the modules in `names`, unfreeze all others.

        Frozen is: no gradient (and none left over, since AdamW decays weights whose gradient is zero), dropout off.
        """
        for name in self.module_names:
            module, frozen = self.module(name), name in names
            module.requires_grad_(not frozen)
            module.train(not frozen)
            if frozen:
                module.zero_grad()

    @classmethod
    def from_pretrained(
        cls,
        checkpoint_path: str | Path,
        selective_freeze: Sequence[str] = (),
        new: Sequence[str] = FRESH_MODULES,
        **config: Any,
    ) -> tuple[LateFusionClassifier, LoadReport]:
        """Build a model as `config` says (default: as the checkpoint's own) and load a checkpoint's weights into it.

        Args:
            checkpoint_path: a ``.ckpt`` that `groove.train` wrote.
            selective_freeze: modules to freeze, by prefix.
            new: modules that start fresh; a classifier's checkpoint holds no trained projection head.
            config: constructor arguments that differ from the checkpoint's.

        Raises:
            CheckpointError: if the file is missing, corrupt, or of a model with other sizes.
        """
        checkpoint = read_checkpoint(Path(checkpoint_path))
        try:
            model = cls(**{**checkpoint.model_config, **config})
        except (TypeError, ValueError, RuntimeError, MemoryError) as error:
            raise CheckpointError(f"{checkpoint_path} is of another model: {one_line(error)}") from error
        report = load_weights(model, checkpoint, new)
        if selective_freeze:
            model.freeze(model.matching(selective_freeze, "selective_freeze"))
        return model, report


def full_precision(tensor: Tensor) -> torch.autocast:
    """Return a context without autocast: only encoders, fusion and backbone gain from 16 bits, and a loss needs 32."""
    return torch.autocast(tensor.device.type, enabled=False)


def _to_length(frames: Tensor, length: int) -> Tensor:
    """Return `frames` (B, T, F) cut or zero-padded to `length` frames."""
    return functional.pad(frames[:, :length], (0, 0, 0, max(0, length - frames.shape[1])))

"""The settings that the features depend on; all of them enter the key of a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groove.errors import ConfigError

N_MFCC = 13
N_CONTRAST = 7
LOWEST_SAMPLE_RATE = 12_801
"""Spectral contrast has 6 octaves from 200 Hz, the last of which must begin below half the sample rate."""
LOWEST_BAND_HZ = 200
"""Width of the lowest contrast bands, which must hold a bin of the transform each."""
TEMPO_WINDOW_S = 8.0
"""Width of the window in which the local tempo is found; it must hold two hops."""


@dataclass(frozen=True)
class AudioSettings:
    """Hz, samples, samples, bands."""

    sample_rate: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 64


@dataclass(frozen=True)
class FeatureSettings:
    """What decides the numbers in a record, beside the bytes of the files."""

    frames_per_beat: int = 4
    audio: AudioSettings = AudioSettings()

    @classmethod
    def of(cls, features: Any) -> FeatureSettings:
        """Return the settings in `features` (a `groove.config.schema.FeaturesConfig`, or anything with its fields).

        Raises:
            ConfigError: if a value cannot work.
        """
        audio = features.audio
        names = ("sample_rate", "n_fft", "hop_length", "n_mels")
        settings = cls(int(features.frames_per_beat), AudioSettings(*(int(getattr(audio, name)) for name in names)))
        _require(settings.frames_per_beat, 1, "frames_per_beat")
        _require(settings.audio.sample_rate, LOWEST_SAMPLE_RATE, "audio.sample_rate")
        rate, hop_length = settings.audio.sample_rate, settings.audio.hop_length
        _require(settings.audio.n_fft, max(256, -(-rate // LOWEST_BAND_HZ)), "audio.n_fft")
        _require(hop_length, 1, "audio.hop_length")
        longest = min(int(rate * TEMPO_WINDOW_S / 2), settings.audio.n_fft)
        if hop_length > longest:
            raise ConfigError(f"features.audio.hop_length is {hop_length}; allowed: 1 to {longest}")
        _require(settings.audio.n_mels, N_MFCC, "audio.n_mels")
        if settings.audio.n_mels > settings.audio.n_fft // 2:
            most = f"{N_MFCC} to {settings.audio.n_fft // 2} (half of n_fft)"
            raise ConfigError(f"features.audio.n_mels is {settings.audio.n_mels}; allowed: {most}")
        return settings


def _require(value: int, least: int, name: str) -> None:
    if value < least:
        raise ConfigError(f"features.{name} is {value}; allowed: {least} or more")

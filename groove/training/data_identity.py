"""The charts that a run is trained on, known by their content: a run that goes on with others is another run."""

from __future__ import annotations

from typing import Any

import lightning as L

from groove.data.datamodule import GrooveDataModule
from groove.errors import CheckpointError, GrooveError
from groove.features.catalogue import content_fingerprint, load
from groove.model.weights import Checkpoint

_NAMED = 3


class DataIdentity(L.Callback):
    """Writes fingerprints of the data into every checkpoint, and compares them before a run goes on."""

    def __init__(self, data: GrooveDataModule) -> None:
        """Identify `data`."""
        self.data = data
        self.catalogue = content_fingerprint(data.catalogue)
        self.fingerprint = data.fingerprint(self.catalogue)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"fingerprint": self.fingerprint, "catalogue": self.catalogue, "charts": len(self.data.catalogue)}

    def check(self, checkpoint: Checkpoint) -> None:
        """Check that `checkpoint` was trained on the same data; one of an older version does not know.

        Raises:
            CheckpointError: otherwise, naming charts that changed where the store still knows the old ones.
        """
        stored = checkpoint.content.get("callbacks", {}).get(self.state_key)
        if stored is None or stored["fingerprint"] == self.fingerprint:
            return
        raise CheckpointError(
            f"{checkpoint.path} was trained on other data: {self._changes(stored)}; going on would not give the result "
            "of either: put the songs back, or begin anew in another folder without ckpt_path"
        )

    def _changes(self, stored: dict[str, Any]) -> str:
        """Return what changed since `stored` was written."""
        counts = f"{stored['charts']} charts then, {len(self.data.catalogue)} now"
        if stored["catalogue"] == self.catalogue:
            return f"{counts}, other classes, split or augmentation"
        try:
            before = _contents(load(self.data.store, stored["catalogue"]))
        except GrooveError:
            return counts
        now = _contents(self.data.catalogue)
        changed = sorted(name for name in before | now if before.get(name) != now.get(name))
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        return f"{counts}, changed: {', '.join(changed[:_NAMED])}{more}"


def _contents(table: Any) -> dict[str, tuple[str, str]]:
    columns = (table[name].to_pylist() for name in ("chart_id", "content", "key"))
    return {chart: (content, key) for chart, content, key in zip(*columns, strict=True)}

"""The model in the box: what ``run=builtin``, the default, means.

Its files lie inside the package, as `groove.export` wrote them (``make weights``); it was trained on generated songs
only. Embeddings are kept beside a model, and a package may not be writable, so that it is copied into the store first.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from groove.config.modules import BUILTIN
from groove.config.schema import RunConfig
from groove.errors import RunError
from groove.io.files import usable, write_if_changed
from groove.runs.layout import CARD_FILE, LEVEL_FILE, WEIGHTS_FILE

FOLDER = Path(__file__).parent.parent / "builtin"
FILES = (WEIGHTS_FILE, CARD_FILE, LEVEL_FILE)
_DIGITS = 16


def path_of_run(cfg: RunConfig) -> Path:
    """Return the path that ``cfg.run`` means; the built-in model's is a copy in ``cfg.store``.

    Raises:
        RunError: for the built-in model without ``cfg.songs``.
    """
    if cfg.run != BUILTIN:
        return Path(cfg.run)
    if cfg.songs is None:
        raise RunError(
            "songs=DIR is needed: the built-in model has no songs of its own (run=DIR is a model that you trained, on "
            "its songs)"
        )
    return copy_of_builtin(Path(cfg.store))


def copy_of_builtin(store: Path) -> Path:
    """Return the folder in `store` that holds the built-in model, written if it is not there."""
    contents = {name: (FOLDER / name).read_bytes() for name in FILES}
    digest = hashlib.sha256(contents[CARD_FILE]).hexdigest()[:_DIGITS]  # the card holds the weights' digest
    folder = store / f"{BUILTIN}-{digest}"
    with usable(store):
        for name, content in contents.items():
            write_if_changed(folder / name, content)
    return folder

"""The console script: ``groove radar songs=DIR`` is ``python -m groove.radar songs=DIR``."""

from __future__ import annotations

import runpy
import sys

from groove.errors import did_you_mean

COMMANDS = {
    "train": "train on a library: pretrain, fine-tune, verdict and figures",
    "prepare": "compute the features of a library",
    "radar": "write the groove radar of every chart of a library",
    "embed": "embed a library with a trained model",
    "recommend": "find charts like a given one",
    "evaluate": "measure how good a run's embeddings are",
    "explore": "draw a library as a map, one HTML file",
    "substyles": "find styles inside each difficulty class",
    "export": "write what a run made for other programs",
    "report": "judge finished runs again, and compare them",
}


def main() -> None:
    """Run the command that the first word names; without a word list all of them."""
    word, *settings = sys.argv[1:] or ["--help"]
    if word in ("--help", "-h"):
        lines = [f"  {command:<10} {about}" for command, about in COMMANDS.items()]
        print("groove COMMAND key=value ...\n", *lines, "\ngroove COMMAND --help shows the settings.", sep="\n")
    elif word in COMMANDS:
        sys.argv = [word, *settings]
        runpy.run_module(f"groove.{word}", run_name="__main__", alter_sys=True)  # worker processes import it by name
    else:
        sys.exit(f"groove: unknown command '{word}'; {did_you_mean(word, COMMANDS)}")

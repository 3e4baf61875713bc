"""The columns of ``metrics.csv``: their names, their order, and which of them go together.

Accuracies are fractions, ``val/`` is measured on held-out charts in eval mode, ``train/`` is the mean of an epoch's
steps (epoch 0: on the fixed gradient batch). Epoch 0 is before the first step.
"""

from __future__ import annotations

from groove.config.modules import DRIFT, LOSSES

EPOCH, PHASE = "epoch", "phase"

TRAIN_LOSS = "train/loss"
TRAIN_CLASSIFICATION_LOSS, TRAIN_CONTRASTIVE_LOSS = (f"train/{loss}_loss" for loss in LOSSES)
TRAIN_DRIFT_LOSS = f"train/{DRIFT}_loss"
TRAIN_ACCURACY = "train/accuracy"
TRAIN_ACTIVE_FRACTION = "train/active_fraction"
TRAIN_MARGIN = "train/margin"
TRAIN_NORM = "train/embedding_norm"

ACCURACY = "val/accuracy"
JOINT_ACCURACY = "val/joint_accuracy"  # joint prediction per simfile: each slot is used once
PROBE = "val/probe_accuracy"
KNN = "val/knn_accuracy"
HELD_OUT_LOSS = {loss: f"val/{loss}_loss" for loss in LOSSES}
CLASSIFICATION_LOSS, CONTRASTIVE_LOSS = HELD_OUT_LOSS.values()
AP_DISTANCE, AN_DISTANCE = "val/ap_dist", "val/an_dist"
MARGIN = "val/triplet_margin"  # measured d(a,n) - d(a,p)
POSITIVE = "val/positive_margin_fraction"
ACTIVE_FRACTION = "val/active_fraction"
LOSS_MARGIN = "val/margin"  # mean margin that the loss asks for
NORM = "val/embedding_norm"

TRAIN, HELD_OUT = "train/", ("val/", "retrieval/", "drift/pooled/")
"""How the columns of an epoch's steps begin, and those that say what a model is worth."""

TRAINABLE = "parameters/trainable"
LEARNING_RATE = "lr"
BEST_COMBINED = "combined"  # accuracy + retrieval gain, by which a checkpoint is kept; logged, no column

# Families of columns, a function each: gradient("backbone") is grad_norm/backbone
GRADIENT, WEIGHT_CHANGE = "grad_norm", "weight_change"
objective_weight = "weight/{}".format  # of a loss
gain = "retrieval/gain/{}".format  # held-out retrieval gain by a layer
gradient = (GRADIENT + "/{}").format  # norm at a module: mean over the steps, before clipping
objective_gradient = (GRADIENT + "_{}/{}").format  # of one unweighted loss at a module, on the fixed gradient batch
gradient_cosine = "grad_cosine/{}".format  # between the gradients of both losses at a module
weight_change = (WEIGHT_CHANGE + "/{}").format  # relative, of the weights of a module since epoch 0
drift = "drift/{}/{}".format  # a measure (cosine, l2, ...) of a layer against epoch 0

COSINE, L2 = drift("pooled", "cosine"), drift("pooled", "l2")
BACKBONE, HEAD = gradient("backbone"), gradient("classifier_head")
LEADING = (
    EPOCH,
    PHASE,
    *map(objective_weight, LOSSES),
    *(TRAIN_LOSS, TRAIN_CLASSIFICATION_LOSS, TRAIN_CONTRASTIVE_LOSS, TRAIN_ACCURACY),
    *(TRAIN_ACTIVE_FRACTION, TRAIN_MARGIN, TRAIN_NORM),
    *(ACCURACY, JOINT_ACCURACY, PROBE, KNN, CLASSIFICATION_LOSS, CONTRASTIVE_LOSS),
    *(AP_DISTANCE, AN_DISTANCE, MARGIN, POSITIVE, ACTIVE_FRACTION, LOSS_MARGIN, NORM),
    *map(gain, ("pooled", "projection")),
)
"""The first columns of the file, in this order; the others follow by name."""
IN_EPOCH_LINE = {
    ACCURACY: "accuracy",
    CONTRASTIVE_LOSS: "contrastive",
    MARGIN: "margin",
    COSINE: "cosine",
    gain("pooled"): "gain pooled",
    gain("projection"): "projection",
}
"""What is printed after every epoch, and how it is called there."""
TENSORBOARD_PANELS = {
    "gradient norms": [gradient(".*")],
    "triplet distances": [AP_DISTANCE, AN_DISTANCE],
    "triplet margin": [MARGIN, LOSS_MARGIN],
    "drift: cosine": [drift(".*", "cosine")],
    "drift: L2": [drift(".*", "l2")],
    "accuracy and retrieval gain": ["val/.*accuracy", gain(".*")],
}
"""Patterns of the columns that share a panel."""

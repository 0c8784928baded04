"""The head that training starts from: rows of the base's head for categories that it knows, new rows for the others."""

import torch
from torch import nn
from transformers import PreTrainedModel

from model.bundle import load_bundle
from model.checkpoint import locate
from model.training.outputs import NOTHING, Known, Outputs
from model.vetting import MANIFEST
from schemas.taxonomy import NON_TOXIC


def known_by(source: str) -> Known:
    """Return what a base's head says about categories.

    Only a bundle of exclusive categories, ``non_toxic`` among them, is known to say any.

    Blocks on the disk, and on the network for a hub name.

    Raises:
        BundleError: there is no such base, or the bundle is invalid.
    """
    folder = locate(source)
    if not (folder / MANIFEST).is_file():
        return NOTHING
    bundle = load_bundle(folder)
    if bundle.multi_label:
        return NOTHING
    names = bundle.taxonomy.names
    categories = tuple(names[place] for place in bundle.outputs if place is not None)
    if NON_TOXIC not in categories:
        return NOTHING
    manifest = bundle.manifest
    return Known(categories, manifest.temperature, frozenset(manifest.acting), manifest.thresholds)


def put_head(model: PreTrainedModel, outputs: Outputs, known: Known) -> None:
    """Replace a classifier's last layer by one with these outputs.

    An output that the base knows starts as the base's row, divided by the base's temperature: before any training a
    network that lacks no row and has no new output scores as the base does.  A new output beside known ones starts
    at the mean of all rows.  Without known outputs all rows are drawn from torch's random state.
    """
    place, old = _last_layer(model)
    new = nn.Linear(old.in_features, len(outputs.names), bias=old.bias is not None)
    nn.init.normal_(new.weight, std=getattr(model.config, "initializer_range", 0.02))
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    if outputs.rows:
        _continue(new, old, outputs, known.temperature)
    names = dict(enumerate(outputs.names))
    model.config.id2label = names
    model.config.label2id = {name: number for number, name in names.items()}
    model.config.problem_type = "single_label_classification"
    parent, _, name = place.rpartition(".")
    setattr(model.get_submodule(parent), name, new)


def _continue(new: nn.Linear, old: nn.Linear, outputs: Outputs, temperature: float) -> None:
    """Copy the known rows; ``new`` has small random weights, which keep new outputs apart."""
    with torch.no_grad():
        for output, row in enumerate(outputs.rows):
            if row is None:
                new.weight[output] += old.weight.mean(0) / temperature
            else:
                new.weight[output] = old.weight[row] / temperature
            if old.bias is not None:
                new.bias[output] = (old.bias.mean() if row is None else old.bias[row]) / temperature


def _last_layer(model: PreTrainedModel) -> tuple[str, nn.Linear]:
    """Return a classifier's last linear layer of one row per label, and its place, which is not in the body."""
    body = f"{model.base_model_prefix}."
    return [
        (place, layer)
        for place, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == model.config.num_labels and not place.startswith(body)
    ][-1]

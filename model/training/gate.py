"""The gate's recipe: distil the bundle's classifier on raw chat, choose operating points, write them into the bundle.

    python -m model.training.gate --bundle DIR --data DIR [--chat FILE ...]
    python -m model.training.gate --bundle DIR --data DIR --gate-from OTHER

A text counts as acted on by the bundle's suggested thresholds, which are the default policy's.  Operating points are
also chosen for stricter limits, so that a stricter policy can keep the gate.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from model.bundle import Bundle, Description, load_bundle, write_bundle
from model.cores import usable_cores
from model.errors import BundleError, DataError
from model.gate import WEIGHTS_FILE, GateEntry, Point, categories_out, load_gate
from model.gate_net import Net, Weights
from model.gate_words import Reader
from model.pieces import pieces_of
from model.training.gate_chat import SEED, Chat, Mixer, gathered
from model.training.gate_fit import Learner, Shape, Vectors, fit, lesson
from model.training.gate_measure import Ask, Floats, distances, in_every_reading, margins, measured, threshold, worst
from model.training.run_main import run_main
from model.vetting import TOKENIZER, WEIGHTS
from schemas.taxonomy import ANY

KEPT: Final = (0.99, 0.995, 0.999)
STRICTER: Final = (1.0, 0.6, 0.3, 0.1)
"""Limits of the operating points, as shares of the suggested thresholds."""
MADE: Final = 600_000
EPOCHS: Final = 12
MIXED: Final = 48
"""Maximum characters of a mixed line: games' lines are short, and short lines are scored much faster."""
NEAR: Final = -3.0
"""Distance from which a text counts as near a limit."""


def limits_of(bundle: Bundle) -> dict[str, float]:
    """Return the scores at which the default policy acts, by category that the classifier outputs, and for ``any``.

    Raises:
        BundleError: it acts on no category.
    """
    out = {*categories_out(bundle), ANY}
    limits = {name: limit for name, limit in sorted(bundle.manifest.acting.items()) if name in out}
    if not limits:
        raise BundleError(f"{bundle.path}: it acts on none of its categories; a gate would clear everything")
    return limits


class Order(NamedTuple):
    """What to distil: the tokens, the network's shape, the number of mixed lines (added twice), the epochs.

    ``vectors`` are the classifier's own for the reader's rows, as initial values.
    """

    reader: Reader
    shape: Shape = Shape()
    made: int = MADE
    epochs: int = EPOCHS
    vectors: Vectors | None = None


def make_gate(
    chat: Chat, ask: Ask, limits: Mapping[str, float], names: Sequence[str], order: Order
) -> tuple[Weights, GateEntry]:
    """Distil a gate and choose its points; blocks for minutes."""
    texts, said = lessons(chat.train, ask, limits, names, order.made)
    torch.manual_seed(SEED)
    learner = Learner(order.reader.rows, order.shape, len(limits), order.vectors)
    fit(learner, lesson(texts, order.reader), distances(said, limits, names), epochs=order.epochs, seed=SEED)
    weights = learner.weights()
    entry = GateEntry(reads=order.reader.kind, scale=weights.scale, points=())
    return weights, with_points(entry, Net(weights, order.reader), chat, ask, limits, names)


def with_points(
    entry: GateEntry, net: Net, chat: Chat, ask: Ask, limits: Mapping[str, float], names: Sequence[str]
) -> GateEntry:
    """Return the entry with operating points chosen, and measured, for these limits and this classifier."""
    held = [(in_every_reading(net, side), worst(ask, side)) for side in chat.chosen_on.values()]
    points = tuple(_point(held, limits, factor, names) for factor in STRICTER)
    found = {"points": points, "measured": measured(net, points[0], chat, ask, names)}
    return entry.model_copy(update=found)


def lessons(
    train: Sequence[str], ask: Ask, limits: Mapping[str, float], names: Sequence[str], made: int
) -> tuple[list[str], Floats]:
    """Return texts with the classifier's scores: chat, its words, mixtures of both and of texts near a limit."""
    words = [word for text in train for word in text.split()]
    mix = Mixer(words, np.random.default_rng(SEED))
    alone = (word for word, seen in Counter(words).items() if seen > 1)
    texts = list(dict.fromkeys([*train, *alone, *mix([text for text in train if len(text) <= MIXED], made)]))
    _say(f"scoring with the classifier: {len(texts):,} texts")
    said = ask(texts)
    close = margins(said, limits, names) > NEAR
    near = [text for text, is_close in zip(texts, close, strict=True) if is_close and len(text) <= MIXED]
    _say(f"{len(near):,} of them are near a limit; scoring mixtures of those")
    known = set(texts)
    more = [text for text in mix(near, made) if text not in known] if near else []
    return [*texts, *more], np.concatenate([said, ask(more)]) if more else said


def _point(
    held: Sequence[tuple[Floats, Floats]], limits: Mapping[str, float], factor: float, names: Sequence[str]
) -> Point:
    """Choose thresholds that reach their recall in each game's chat, given the scores of gate and classifier."""
    stricter = {name: round(limit * factor, 4) for name, limit in limits.items()}
    games = [(scores, margins(said, stricter, names) >= 0) for scores, said in held]
    telling = [(scores, positive) for scores, positive in games if positive.any()]
    if not telling:
        raise DataError("no held-out text reaches the limits, so no operating point can be chosen; add more chat")
    lowest = {kept: min(threshold(scores, positive, kept) for scores, positive in telling) for kept in KEPT}
    return Point(limits=stricter, thresholds={f"{kept:g}": round(at, 4) for kept, at in lowest.items()})


def write_gate(bundle: Bundle, weights: Weights, entry: GateEntry) -> Bundle:
    """Write a gate into the bundle's folder and list it in the manifest; an older gate is removed."""
    from safetensors.numpy import save_file

    stored = {name: np.ascontiguousarray(value) for name, value in weights._asdict().items() if name != "scale"}
    save_file(stored, bundle.path / WEIGHTS_FILE)
    return describe_gate(bundle, entry)


def describe_gate(bundle: Bundle, entry: GateEntry) -> Bundle:
    """List the gate that lies in the bundle's folder in the manifest, in place of an older entry."""
    described = bundle.manifest.model_dump(exclude={"files", "format"})
    description = Description.model_validate({**described, "gate": entry.model_dump(mode="json")})
    return write_bundle(bundle.path, description)


def main() -> None:
    """Read the arguments and run the recipe."""
    parser = argparse.ArgumentParser(prog="python -m model.training.gate", description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True, help="the bundle; the gate is written into it")
    parser.add_argument("--data", type=Path, help="folder with the public chat")
    parser.add_argument(
        *("--chat", "-c"),
        type=Path,
        action="append",
        default=[],
        help="own chat, one message per line; may be repeated",
    )
    parser.add_argument("--made", type=int, default=MADE, help=f"mixed lines to add, twice (default {MADE:,})")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"passes over the texts (default {EPOCHS})")
    parser.add_argument(
        "--gate-from",
        type=Path,
        metavar="DIR",
        help="take this bundle's gate and only choose operating points, as after a change of weights or thresholds",
    )
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    make = _distilled if given.gate_from is None else _taken_over
    entry = make(bundle, gathered(given.data, given.chat), given)
    for name, figures in entry.measured.items():
        _say(f"{name}: {figures}")


def _distilled(bundle: Bundle, chat: Chat, given: argparse.Namespace) -> GateEntry:
    order = Order(pieces_of(bundle), Shape(), given.made, given.epochs, word_vectors(bundle))
    weights, entry = make_gate(chat, asking(bundle), limits_of(bundle), bundle.taxonomy.names, order)
    write_gate(bundle, weights, entry)
    return entry


def _taken_over(bundle: Bundle, chat: Chat, given: argparse.Namespace) -> GateEntry:
    """Choose operating points for the gate of another bundle, or of this one, and write both into ``bundle``."""
    other = load_bundle(given.gate_from)
    gate = load_gate(other)
    if gate is None:
        raise BundleError(f"{other.path}: it has no gate to take")
    limits = limits_of(bundle)
    if set(gate.entry.points[0].limits) != set(limits):
        raise BundleError(f"{other.path}: its gate is for other categories than {', '.join(limits)}; distil one")
    if gate.entry.reads == "pieces" and other.read(TOKENIZER) != bundle.read(TOKENIZER):
        raise BundleError(f"{other.path}: its gate reads the pieces of another tokenizer; distil one")
    entry = with_points(gate.entry, gate.net, chat, asking(bundle), limits, bundle.taxonomy.names)
    (bundle.path / WEIGHTS_FILE).write_bytes(other.read(WEIGHTS_FILE))
    describe_gate(bundle, entry)
    return entry


def word_vectors(bundle: Bundle) -> Vectors | None:
    """Return the classifier's embeddings of its pieces; None if its weights have none under the usual name."""
    from safetensors.torch import load

    stored = load(bundle.read(WEIGHTS))
    found = (tensor for name, tensor in stored.items() if name.endswith("embeddings.word_embeddings.weight"))
    return next((tensor.float().numpy() for tensor in found), None)


def asking(bundle: Bundle) -> Ask:
    """Return the bundle's classifier, reporting progress on long calls."""
    from model.torch_classifier import TorchClassifier

    classifier = TorchClassifier(bundle, threads=usable_cores())

    def ask(texts: Sequence[str]) -> Floats:
        began, found = time.monotonic(), []
        for start in range(0, len(texts), 4_096):
            found.extend(classifier(texts[start : start + 4_096]))
            if time.monotonic() - began > 10:
                began = time.monotonic()
                _say(f"classifier: {len(found):,} of {len(texts):,}")
        return np.array(found)

    return ask


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_main(main)

"""Splits without leaks: texts that look equal, and lines of one match, stay on one side.

Everything here is a pure function of the examples and a seed; shuffling the input changes only the order within a
side.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from model.errors import LeakError
from model.normalise import canonical
from model.training.sources import Example

HEAD: Final = 10
"""A normal form seen this often belongs to the head, which is used for training only."""

_RUN: Final = re.compile(r"(.)\1{2,}")
_EDGES: Final = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Split:
    """Examples by side; ``dev`` and ``test`` have each text once, and no text of ``train``."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]


def normal_form(text: str) -> str:
    """Return the form by which texts count as equal in a split: canonical, runs cut to two, no outer signs.

    A text of signs only is its own form.  Source: Chatwarden's split protocol, step 1.
    """
    folded = _RUN.sub(r"\1\1", canonical(text))
    return " ".join(_EDGES.sub("", folded).split()) or folded


def split_by_text(examples: Iterable[Example], *, dev: float, test: float, seed: int, head: int = HEAD) -> Split:
    """Split by normal form, stratified by label; ``dev`` and ``test`` are shares of the tail's forms.

    The head, and forms with conflicting labels, go to training only.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[normal_form(example.text)].append(example)
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    sides = Split([], [], [])
    for form, members in groups.items():
        if len(members) >= head or len({member.labels for member in members}) > 1:
            sides.train.extend(members)
        else:
            strata[members[0].labels].append(form)
    for forms in strata.values():
        forms.sort(key=lambda form: _draw(form, seed))
        first, second = round(len(forms) * test), round(len(forms) * (test + dev))
        sides.test.extend(groups[form][0] for form in forms[:first])
        sides.dev.extend(groups[form][0] for form in forms[first:second])
        sides.train.extend(member for form in forms[second:] for member in groups[form])
    return sides


def split_by_match(examples: Iterable[Example], *, dev: float, test: float, seed: int) -> Split:
    """Split by match, then keep in ``dev`` and ``test`` the texts that are on no other side, once each.

    Raises:
        LeakError: an example has no match.
    """
    sides: Mapping[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for example in examples:
        if not example.match:
            raise LeakError(f"{example.source}: an example without a match cannot be split by match")
        place = _draw(example.match, seed)
        sides["test" if place < test else "dev" if place < test + dev else "train"].append(example)
    seen = {normal_form(example.text) for example in sides["train"]}
    unseen_test = _unseen(sides["test"], seen)
    seen.update(normal_form(example.text) for example in unseen_test)
    return Split(sides["train"], _unseen(sides["dev"], seen), unseen_test)


def without(examples: Iterable[Example], held_back: Iterable[Example]) -> list[Example]:
    """Return ``examples`` whose normal form is not in ``held_back``: those that may be trained on."""
    closed = {normal_form(example.text) for example in held_back}
    return [example for example in examples if normal_form(example.text) not in closed]


def refuse_leaks(train: Iterable[Example], held_back: Iterable[Example]) -> None:
    """Check that ``train`` and ``held_back`` share no text and no match.

    Raises:
        LeakError: how many texts and matches are on both sides.
    """
    train, held_back = list(train), list(held_back)
    texts = {normal_form(example.text) for example in train}
    texts &= {normal_form(example.text) for example in held_back}
    matches = {(example.source, example.match) for example in train if example.match}
    matches &= {(example.source, example.match) for example in held_back if example.match}
    if texts or matches:
        raise LeakError(
            f"{len(texts)} texts and {len(matches)} matches occur in both the training and the held-out lines; "
            "remove them from one of the two"
        )


def _unseen(examples: Iterable[Example], seen: set[str]) -> list[Example]:
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(normal_form(example.text), example)
    return [example for form, example in first.items() if form not in seen]


def _draw(key: str, seed: int) -> float:
    """Return a number in [0, 1) that depends only on the key and the seed."""
    digest = blake2b(key.encode(), digest_size=8, key=seed.to_bytes(8, "big")).digest()
    return int.from_bytes(digest, "big") / 2**64

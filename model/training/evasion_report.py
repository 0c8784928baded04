"""Measures how many disguised lines are still caught, and the false positives of readings on clean chat.

    python -m model.training.evasion_report --bundle DIR --data DIR [--lines N]

A line counts as caught when rules or the classifier would have the default policy act on it.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from model.bundle import Bundle, load_bundle
from model.classifier import Classifier
from model.cores import usable_cores
from model.errors import DataError
from model.normalise import canonical
from model.readings import readings
from model.resolver import Answer, Hint, Text
from model.rules import PACKS, RulesResolver, extended, load_pack
from model.training.acting import acted_on
from model.training.evasions import EVASIONS, disguised
from model.training.gate import limits_of
from model.training.rule_report import toxic, undisputed
from model.training.run_main import run_main

Caught = Callable[[Sequence[str]], list[bool]]
SEED: Final = 5
ODD: Final = re.compile(r"\d[a-z]|[a-z]\d|\d+[ ,.:;/-]+\d|[^\x00-\x7f]")
"""Clean lines that look disguised: digits in words and names, coordinates, other scripts."""


class Pipeline:
    """Rules, and the classifier with or without readings, under the bundle's suggested limits."""

    def __init__(self, bundle: Bundle, classifier: Classifier) -> None:
        pack = load_pack(PACKS / "default")
        taxonomy = extended(bundle.taxonomy, [pack])
        self._rules = RulesResolver({"": pack}, taxonomy)
        self._names, self._limits = bundle.taxonomy.names, limits_of(bundle)
        self._classifier = classifier
        self._acted: dict[str, bool] = {}

    def by_rules(self, texts: Sequence[str]) -> list[bool]:
        """Return which canonical texts a rule flags or blocks."""
        replies = self._rules([Text(text) for text in texts])
        return [isinstance(reply, Hint | Answer) and reply.floor is not None for reply in replies]

    def by_classifier(self, texts: Sequence[str]) -> list[bool]:
        """Return which canonical texts the classifier's scores act on."""
        new = [text for text in dict.fromkeys(texts) if text not in self._acted]
        for start in range(0, len(new), 2_048):
            part = new[start : start + 2_048]
            acted = acted_on(np.array(self._classifier(part)), self._limits, self._names)
            self._acted.update(zip(part, acted.tolist(), strict=True))
        return [self._acted[text] for text in texts]

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        """Return which canonical texts are caught."""
        pairs = zip(self.by_rules(texts), self.by_classifier(texts), strict=True)
        return [ruled or scored for ruled, scored in pairs]


def toxic_lines(data: Path) -> list[str]:
    """Return the distinct lines labelled toxic, held-out ones first."""
    return list(dict.fromkeys(text for name in ("gametox_dev", "conda", "gametox") for text in toxic(data, name)))


def caught_lines(caught: Caught, lines: Sequence[str], number: int, tell: Callable[[str], None]) -> list[str]:
    """Return the first ``number`` lines that are caught as written, or as many as there are; reports how many."""
    known: list[str] = []
    seen = 0
    while len(known) < number and seen < len(lines):
        part = lines[seen : seen + 500]
        known += [line for line, was in zip(part, caught(part), strict=True) if was]
        seen += len(part)
    tell(f"{seen:,} toxic lines, {min(number, len(known)):,} of them caught as written; of those, disguised:")
    return known[:number]


def survival(caught: Caught, known: Sequence[str], tell: Callable[[str], None]) -> float:
    """Return the share of caught lines that are still caught, over all evasions; reports each.

    Raises:
        DataError: no line is given.
    """
    if not known:
        raise DataError("no toxic line is caught as written, so there is none to disguise")
    kept: Counter[str] = Counter()
    for name in EVASIONS:
        kept[name] = sum(caught([canonical(line) for line in disguised(known, name, SEED)]))
    for name, number in sorted(kept.items(), key=lambda item: item[1]):
        tell(f"{number / len(known):8.1%}  {name}")
    return kept.total() / (len(known) * len(EVASIONS))


def false_alarms(pipeline: Pipeline, plain: Pipeline, data: Path) -> str:
    """Report the false positives of readings on clean lines that look disguised."""
    texts = [text for name in ("gametox_dev", "conda", "gametox") for text in undisputed(data, name)]
    odd = [text for text in dict.fromkeys(texts) if ODD.search(text)][:4_000]
    before, after = sum(plain.by_classifier(odd)), sum(pipeline.by_classifier(odd))
    rise = (after - before) / max(len(odd), 1)
    acted = f"{before} acted on as written, {after} in all readings ({rise:+.2%})"
    return f"{len(odd):,} clean texts that look disguised: {acted}"


def main() -> None:
    """Read the arguments and print the report."""
    from model.torch_classifier import TorchClassifier

    parser = argparse.ArgumentParser(prog="evasion_report", description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public chat")
    parser.add_argument("--lines", type=int, default=2_000, help="caught lines to disguise (default 2,000)")
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    cores = usable_cores()
    pipeline = Pipeline(bundle, TorchClassifier(bundle, threads=cores, readings=readings))
    plain = Pipeline(bundle, TorchClassifier(bundle, threads=cores))
    known = caught_lines(pipeline, toxic_lines(given.data), given.lines, _say)
    share = survival(pipeline, known, _say)
    _say(f"still caught over {len(EVASIONS)} evasions: {share:.1%}")
    _say(false_alarms(pipeline, plain, given.data))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_main(main)

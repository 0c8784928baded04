"""Reports what rules mark: false positives on undisputedly clean lines, and the share of lines labelled toxic.

    python -m model.training.rule_report --data DIR [--pack NAME] [--show] [--disputes]

Takes seconds and uses no model; with ``--disputes`` it fits linear models for minutes and also counts
without the clean lines that a model fitted without them disputes (``model.training.disputed``).
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from model.rules import Pack, load_pack, pack_folder
from model.training.sources import read_public

CLEAN: Final[dict[str, set[str]]] = {"gametox": {"0"}, "gametox_dev": {"0"}, "conda": {"O"}}
"""By set: the labels of what is clean."""
TOXIC: Final[dict[str, set[str]]] = {
    "gametox": {"1", "2", "3", "4", "5"},
    "gametox_dev": {"1", "2", "3", "4", "5"},
    "conda": {"E aimed", "E at nobody", "I"},
}
"""By set: the labels of what is toxic; in CONDA a call for an action is neither."""
ALIKE: Final[dict[str, list[str]]] = {"gametox": ["gametox", "gametox_dev"], "conda": ["conda"]}
"""By label map: the sets that share it, whose lines are judged by one model."""


def undisputed(data: Path, name: str) -> list[str]:
    """Return the distinct texts that a set labels clean and that no row of any set labels otherwise."""
    disputed = {
        each.text
        for source, clean in CLEAN.items()
        for each in read_public(data, source)
        if each.labels[0] not in clean
    }
    return [text for text in dict.fromkeys(each.text for each in read_public(data, name)) if text not in disputed]


def toxic(data: Path, name: str) -> list[str]:
    """Return the distinct texts that some row of a set labels toxic."""
    return list(dict.fromkeys(each.text for each in read_public(data, name) if each.labels[0] in TOXIC[name]))


def marks(pack: Pack, texts: Sequence[str]) -> dict[int, list[str]]:
    """Return the categories of the matching rules, by number of the text."""
    categories = [rule.category or "" for rule in pack.rules]
    return {number: [categories[hit.rule] for hit in hits] for number, hits in pack.find(texts).items()}


def _told(pack: Pack, name: str, what: str, texts: Sequence[str], show: Callable[[str], None]) -> str:
    found = marks(pack, texts)
    counted = Counter(category for categories in found.values() for category in set(categories))
    for number, categories in found.items():
        show(f"    {', '.join(sorted(set(categories)))}: {texts[number]}")
    share = f"{len(found)} of {len(texts):,} {what} texts ({len(found) / max(1, len(texts)):.3%})"
    return (
        f"{name}: rules mark {share}: {', '.join(f'{category} {number}' for category, number in counted.most_common())}"
    )


def main() -> None:
    """Read the arguments and print the report."""
    parser = argparse.ArgumentParser(prog="rule_report", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the public chat")
    parser.add_argument("--pack", default="default", help="a shipped pack or a folder")
    parser.add_argument("--show", action="store_true", help="print the undisputed clean lines that rules mark")
    parser.add_argument("--disputes", action="store_true", help="also count without lines that a model disputes")
    given = parser.parse_args()
    pack = load_pack(pack_folder(given.pack))
    show: Callable[[str], None] = _say if given.show else _keep_silent
    clean = {name: undisputed(given.data, name) for name in CLEAN}
    for name, texts in clean.items():
        _say(_told(pack, name, "undisputed clean", texts, show))
    if given.disputes:
        for line in _undisputed_twice(pack, given.data, clean, show):
            _say(line)
    for name in CLEAN:
        _say(_told(pack, name, "toxic", toxic(given.data, name), _keep_silent))


def _undisputed_twice(
    pack: Pack, data: Path, clean: Mapping[str, Sequence[str]], show: Callable[[str], None]
) -> Iterator[str]:
    """Tell of the undisputed clean lines that a model does not dispute either."""
    from model.training.disputed import disputed

    for head, names in ALIKE.items():
        examples = [each for name in names for each in read_public(data, name)]
        sys.stderr.write(f"{' and '.join(names)}: fitting models without each part of {len(examples):,} lines\n")
        doubted = disputed(examples, head, CLEAN[head], TOXIC[head])
        for name in names:
            left = [text for text in clean[name] if text not in doubted]
            yield _told(pack, name, "undisputed clean (by the model, too)", left, show)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _keep_silent(_: str) -> None:
    pass


if __name__ == "__main__":
    main()

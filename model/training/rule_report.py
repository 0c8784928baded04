"""Reports what rules mark: false positives on undisputedly clean lines, and the share of lines labelled toxic.

    python -m model.training.rule_report --data DIR [--pack NAME] [--show]

Takes seconds; uses no model.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from model.rules import Pack, load_pack, pack_folder
from model.training.sources import Example, read_public

CLEAN: Final[dict[str, set[str]]] = {"gametox": {"0"}, "gametox_dev": {"0"}, "conda": {"O"}}
"""By set: the labels of what is clean."""


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
    return list(dict.fromkeys(each.text for each in read_public(data, name) if _is_toxic(name, each)))


def _is_toxic(name: str, example: Example) -> bool:
    """Whether a label is toxic: not clean and, in CONDA, not a call for an action."""
    label = example.labels[0]
    return label[0] in "EI" if name == "conda" else label not in CLEAN[name]


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
    given = parser.parse_args()
    pack = load_pack(pack_folder(given.pack))
    show: Callable[[str], None] = _say if given.show else _keep_silent
    for name in CLEAN:
        _say(_told(pack, name, "undisputed clean", undisputed(given.data, name), show))
    for name in CLEAN:
        _say(_told(pack, name, "toxic", toxic(given.data, name), _keep_silent))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _keep_silent(_: str) -> None:
    pass


if __name__ == "__main__":
    main()

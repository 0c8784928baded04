"""Labelled chat that a tiny network can learn in seconds, made on the spot."""

import csv
import random
from pathlib import Path

_PLAY = ["gg", "wp", "nice", "go", "mid", "push", "well", "played", "the", "a", "is", "you"]
_MARKS = {"non_toxic": (), "insult": ("noob", "idiot", "trash", "loser"), "threat": ("kill", "find", "shoot", "burn")}


def lines(count: int, seed: int = 7, match: str = "") -> list[dict[str, str]]:
    """Return distinct lines with the columns text, label and match: a word of each category among play talk."""
    drawn = random.Random(seed)
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        label = drawn.choice(list(_MARKS))
        words = drawn.choices(_PLAY, k=drawn.randint(2, 4))
        if _MARKS[label]:
            words.insert(drawn.randrange(len(words)), drawn.choice(_MARKS[label]))
        text = " ".join(words)
        found.setdefault(text, {"text": text, "label": label, "match": f"{match}{len(found) // 3}" if match else ""})
    return list(found.values())


def write_table(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_taxonomy(path: Path) -> Path:
    """Write the taxonomy of those lines."""
    severities = {"non_toxic": 0, "insult": 2, "threat": 4, "spam": 1}
    blocks = [
        f'[[categories]]\nname = "{name}"\nseverity = {severity}\ndescription = "Of the kind {name}."\n'
        for name, severity in severities.items()
    ]
    path.write_text('name = "tiny"\n' + "\n".join(blocks))
    return path

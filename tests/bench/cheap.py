"""``python -m tests.bench.cheap``: what a message costs before the classifier, beside a plain word filter.

Prints microseconds of CPU time per message in chunks of 512: of the first round, over chat never seen, and of each
chunk's best of several, with its ratio to the word filter.  The prefilter is rules and then the gate on what they
leave open.  Then the slowest of two hundred evil patterns on 100 kB each.  Chat is generated, or read from a file.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from model.bundle import load_bundle
from model.gate import GateResolver, load_gate
from model.normalise import canonical
from model.pack_files import PackError
from model.resolver import Answer, Text
from model.rule_patterns import compiled
from model.rules import PACKS, RulesResolver, extended, load_pack
from tests.support.evil import SIZE, evil_patterns
from tests.support.gates import a_gate

CHUNK = 512
WORDS = [
    "gg", "wp", "nice", "mid", "top", "push", "go", "ez", "lol", "noob", "report", "team", "why", "no", "yes", "help",
    "def", "b4", "e50", "t34", "arty", "camp", "kill", "carry", "ward", "fuck", "idiot", "stupid", "trash", "lag",
    "thx", "pls", "omg", "wtf", "xd", "haha", "miss", "ss", "gank", "rosh", "tower", "base", "cap", "flank", "reload",
]  # fmt: skip


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chat", type=Path, help="a text file, one message a line; generated chat without it")
    parser.add_argument("--bundle", type=Path, help="a bundle with a gate; a random gate without it")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    lines = given.chat.read_text(encoding="utf-8").splitlines() if given.chat else _chat(20_480)
    lines = [line for line in lines if line.strip()]
    texts = [canonical(line) for line in lines]
    _, plain = _per_message(lines, _word_filter, given.rounds)
    mean = sum(map(len, lines)) / len(lines)
    print(f"{len(lines):,} messages, mean {mean:.1f} characters, {len(set(texts)):,} distinct")
    print(f"{'word filter (lower, split, set)':34}{plain:18.2f} µs")
    for name, run in _parts(given.bundle).items():
        first, cost = _per_message(lines if name == "canonical text" else texts, run, given.rounds)
        print(f"{name:34}{first:8.2f}{cost:10.2f} µs   {cost / plain:5.1f} × word filter")
    _evil()
    return 0


def _parts(bundle: Path | None) -> dict[str, Callable[[Sequence[str]], object]]:
    pack = load_pack(PACKS / "default")
    taxonomy = extended(load_bundle(bundle or PACKS.parent / "bundled").taxonomy, [pack])
    rules = RulesResolver({"": pack}, taxonomy)
    gate = load_gate(load_bundle(bundle)) if bundle else None
    resolver = GateResolver(gate or a_gate(), {"": 0.0}, taxonomy)

    def prefilter(part: Sequence[str]) -> object:
        asked = [Text(text) for text in part]
        answered = [isinstance(reply, Answer) for reply in rules(asked)]
        return resolver([text for text, done in zip(asked, answered, strict=True) if not done])

    return {
        "canonical text": lambda part: [canonical(line) for line in part],
        "prefilter": prefilter,
        "rules": lambda part: rules([Text(text) for text in part]),
        "gate": lambda part: resolver([Text(text) for text in part]),
    }


def _word_filter(part: Sequence[str]) -> object:
    listed = {"fuck", "idiot", "stupid", "trash"}
    return [not listed.isdisjoint(line.lower().split()) for line in part]


def _per_message(lines: Sequence[str], run: Callable[[Sequence[str]], object], rounds: int) -> tuple[float, float]:
    """Return what the first round costs, and what the chunks cost, each in its best round."""
    spent = [
        [_spent(run, lines[start : start + CHUNK]) for start in range(0, len(lines), CHUNK)] for _ in range(rounds)
    ]
    return sum(spent[0]) / len(lines) * 1e6, sum(map(min, zip(*spent, strict=True))) / len(lines) * 1e6


def _spent(run: Callable[[Sequence[str]], object], part: Sequence[str]) -> float:
    began = time.process_time()
    run(part)
    return time.process_time() - began


def _chat(number: int) -> list[str]:
    rng = random.Random(7)
    lines = []
    for _ in range(number):
        words = [rng.choice(WORDS) for _ in range(min(12, 1 + int(rng.expovariate(0.45))))]
        line = " ".join(words)
        lines.append(
            line.upper() if rng.random() < 0.05 else line + rng.choice(["", "", "", "!", "...", " :)", "oooo"])
        )
    return lines


def _evil() -> None:
    slowest, refused = (0.0, ""), 0
    patterns = evil_patterns()
    for pattern, text in patterns:
        try:
            search = compiled(pattern).search
        except PackError:
            refused += 1
            continue
        began = time.process_time()
        search(text)
        slowest = max(slowest, (time.process_time() - began, pattern))
    spent, pattern = slowest
    counted = f"{len(patterns)} evil patterns on {SIZE // 1000} kB: {refused} refused"
    print(f"{counted}, slowest {spent * 1000:.1f} ms ({pattern})")


if __name__ == "__main__":
    raise SystemExit(main())

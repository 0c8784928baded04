"""``python -m tests.bench.cheap``: what a message costs before the classifier, beside a plain word filter.

Prints microseconds of CPU time per message in chunks of 512: of the first round, over chat never seen, and of each
chunk's best of several, with its ratio to the word filter.  The prefilter is rules and then the gate on what they
leave open, asked as a worker asks them (``model.resolver.resolve``): about equal texts of a chunk once.  The time of
finding equal texts and of giving each its outcome is included; all messages of the chunk count.  Rules and gate alone
are asked likewise.  The row after these is the prefilter without that, asked about every text.

What is worked out for a line is remembered, and in a live stream the memory of answers takes repeated lines out before.
So a part of the lines that occur once is held back until the end: the last row is the prefilter on these, which are new
to it, while most of their words are not; of that row the first round counts.

Then the slowest of two hundred evil patterns on 100 kB each.  Chat is generated, or read from a file.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from model.bundle import load_bundle
from model.gate import GateResolver, load_gate
from model.normalise import canonical
from model.pack_files import PackError
from model.resolver import Answer, Text, resolve
from model.rule_patterns import compiled
from model.rules import PACKS, RulesResolver, extended, load_pack
from tests.support.evil import SIZE, evil_patterns
from tests.support.gates import a_gate

Part = Callable[[Sequence[str]], object]
CHUNK = 512
PLAIN, CANONICAL = "word filter (lower, split, set)", "canonical text"
NEW = "prefilter, lines held back"
HELD_BACK = 0.2
"""Share of the lines that occur once."""
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
    new = _held_back(texts)
    lines = [line for line, text in zip(lines, texts, strict=True) if text not in new]
    texts = [text for text in texts if text not in new]
    mean = sum(map(len, lines)) / len(lines)
    asked = sum(len(set(chunk)) for chunk in _chunks(texts)) / len(texts)
    print(f"{len(lines):,} messages, mean {mean:.1f} characters, {len(set(texts)):,} distinct")
    print(f"{asked:.1%} distinct within their chunk of {CHUNK}")
    print(f"{len(new):,} lines held back")
    parts = _parts(given.bundle)
    costs = _per_message(parts, lines, texts, given.rounds)
    costs |= _per_message({NEW: parts["prefilter"]}, list(new), list(new), given.rounds)
    _, plain = costs[PLAIN]
    for name, (first, cost) in costs.items():
        print(f"{name:34}{first:8.2f}{cost:10.2f} µs   {cost / plain:5.1f} × word filter")
    _evil()
    return 0


def _held_back(texts: Sequence[str]) -> dict[str, None]:
    """Return some of the lines that occur once, in their order."""
    rng = random.Random(7)
    return {text: None for text, times in Counter(texts).items() if times == 1 and rng.random() < HELD_BACK}


def _parts(bundle: Path | None) -> dict[str, Part]:
    pack = load_pack(PACKS / "default")
    taxonomy = extended(load_bundle(bundle or PACKS.parent / "bundled").taxonomy, [pack])
    rules = RulesResolver({"": pack}, taxonomy)
    loaded = load_gate(load_bundle(bundle)) if bundle else None
    gate = GateResolver(loaded or a_gate(), {"": 0.0}, taxonomy)

    def every_text(part: Sequence[str]) -> object:
        asked = [Text(text) for text in part]
        answered = [isinstance(reply, Answer) for reply in rules(asked)]
        return gate([text for text, done in zip(asked, answered, strict=True) if not done])

    return {
        PLAIN: _word_filter,
        CANONICAL: lambda part: [canonical(line) for line in part],
        "prefilter": lambda part: resolve([Text(text) for text in part], [rules, gate]),
        "rules": lambda part: resolve([Text(text) for text in part], [rules]),
        "gate": lambda part: resolve([Text(text) for text in part], [gate]),
        "prefilter, every text asked": every_text,
    }


def _word_filter(part: Sequence[str]) -> object:
    listed = {"fuck", "idiot", "stupid", "trash"}
    return [not listed.isdisjoint(line.lower().split()) for line in part]


def _per_message(
    parts: Mapping[str, Part], lines: Sequence[str], texts: Sequence[str], rounds: int
) -> dict[str, tuple[float, float]]:
    """Return for each part what its first round costs, and what the chunks cost, each in its best round.

    The parts take turns by the round, so that a machine that changes its speed does so for all of them.
    """
    spent: dict[str, list[list[float]]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, run in parts.items():
            given = lines if name in (PLAIN, CANONICAL) else texts
            spent[name].append([_spent(run, chunk) for chunk in _chunks(given)])
    scale = 1e6 / len(lines)
    return {
        name: (sum(each[0]) * scale, sum(map(min, zip(*each, strict=True))) * scale) for name, each in spent.items()
    }


def _chunks(lines: Sequence[str]) -> list[Sequence[str]]:
    return [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]


def _spent(run: Part, chunk: Sequence[str]) -> float:
    began = time.process_time()
    run(chunk)
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

"""Two hundred patterns that keep a backtracking engine busy for ages, each with a text of 100 kB that does it."""

from itertools import product

SIZE = 100_000


def evil_patterns() -> list[tuple[str, str]]:
    """Return patterns with their texts."""
    nested = [f"^({inner}){outer}{end}" for inner, outer, end in product(
        ["a+", "a*", "a|a", "a|aa", "[ab]+", "(a+)+", "a{1,9}", "a?a?", r"\w+\d?"],
        ["+", "*", "{1,50}", "{2,}"], ["$", "b$", "[^a]"],
    )]  # fmt: skip
    chains = [f"{part * times}{end}" for part, times, end in product(
        [".*", "a*", "(a|b)*", r"\w*\s?", "[a-c]+?"], [5, 10, 20, 40], ["x", "[xyz]$", "(x|y)z"]
    )]  # fmt: skip
    words = [rf"\b({word}+)+{end}\b" for word, end in product(["a", "aa", "a|b", r"\w"], ["!", "z", "q{3}"])]
    counted = [f"(a{{{low},{high}}}){{{times}}}b" for low, high, times in product([1, 10], [20, 60], [2, 5, 9])]
    anchored = [f"(?:^|\\s)({part})*{end}" for part, end in product(["a", "a|ab", "[a-z]+", "a.?"], ["$", "#", "b#"])]
    found = [*nested, *chains, *words, *counted, *anchored]
    texts = ["a" * SIZE, "ab" * (SIZE // 2), "a " * (SIZE // 2), "aaaa aaab " * (SIZE // 10)]
    return [(pattern, texts[number % len(texts)]) for number, pattern in enumerate(dict.fromkeys(found))]

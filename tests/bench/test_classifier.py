"""The classifier's throughput beside the plain transformers pipeline, on the bundle that ships.  Prints ratios.

Lines have the lengths of game chat: half of at most two words, a tenth above eight.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast, TextClassificationPipeline

from model.bundle import DEFAULT_BUNDLE, load_bundle
from model.torch_classifier import TorchClassifier

WORDS = (
    *("gg", "wp", "nice", "mid", "go", "push", "the", "you", "report", "noob", "kill", "him", "we", "can", "not"),
    *("why", "care", "lol", "ez", "team", "back", "def", "roam"),
)
LENGTHS = [1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 10, 14]


def chat(count: int) -> list[str]:
    drawn = random.Random(3)
    return [" ".join(drawn.choices(WORDS, k=drawn.choice(LENGTHS))) for _ in range(count)]


def rate(score: Callable[[list[str]], Sequence[object]], texts: list[str]) -> float:
    """Return texts per second, the best of three."""
    score(texts[:64])
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        score(texts)
        best = min(best, time.perf_counter() - started)
    return len(texts) / best


@pytest.fixture(scope="module")
def pipeline() -> TextClassificationPipeline:
    model = AutoModelForSequenceClassification.from_pretrained(DEFAULT_BUNDLE, dtype=torch.float32)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(Path(DEFAULT_BUNDLE, "tokenizer.json")),
        pad_token="[PAD]",  # noqa: S106 - no password
        unk_token="[UNK]",  # noqa: S106 - no password
    )
    return TextClassificationPipeline(model=model, tokenizer=tokenizer, device=-1)


@pytest.mark.slow
def test_beside_the_plain_pipeline(pipeline: TextClassificationPipeline, capsys: pytest.CaptureFixture[str]) -> None:
    texts = chat(1_024)
    ours = TorchClassifier(load_bundle(DEFAULT_BUNDLE), "cpu")
    torch.set_num_threads(1)
    rates = {
        "ours, chunks of 512": rate(lambda t: [s for i in range(0, len(t), 512) for s in ours(t[i : i + 512])], texts),
        "ours, chunks of 64": rate(lambda t: [s for i in range(0, len(t), 64) for s in ours(t[i : i + 64])], texts),
        "pipeline, batches of 512": rate(lambda t: pipeline(t, batch_size=512, top_k=None), texts),
        "pipeline, batches of 64": rate(lambda t: pipeline(t, batch_size=64, top_k=None), texts),
        "pipeline, one by one": rate(lambda t: pipeline(t, batch_size=1, top_k=None), texts[:256]),
    }
    best = max(value for name, value in rates.items() if name.startswith("pipeline"))
    with capsys.disabled():
        print("\none thread, CPU; texts per second, and against the pipeline's best")
        for name, value in rates.items():
            print(f"  {name:<26} {value:>9,.0f}  {value / best:>5.2f}x")


@pytest.mark.slow
def test_how_often_a_row_differs_from_the_row_alone(capsys: pytest.CaptureFixture[str]) -> None:
    classifier = TorchClassifier(load_bundle(DEFAULT_BUNDLE), "cpu")
    texts = list(dict.fromkeys(chat(2_000)))[:800]
    together = classifier(texts)
    differing = sum(classifier([text])[0] != scores for text, scores in zip(texts, together, strict=True))
    with capsys.disabled():
        print(f"\nscores that differ between a row alone and in its batch: {differing} of {len(texts)}")
    assert differing == 0

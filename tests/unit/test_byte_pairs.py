"""BERTweet's and PhoBERT's byte pairs: read by a fast tokenizer exactly as their own slow ones read them."""

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    BertweetTokenizer,
    CanineTokenizer,
    PhobertTokenizer,
    PreTrainedTokenizer,
    PreTrainedTokenizerBase,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from model.byte_pairs import with_fast_tokenizer
from model.checkpoint import make_bundle
from model.errors import BundleError
from model.torch_classifier import TorchClassifier
from tests.support.checkpoints import LABELS, describe

KINDS = (BertweetTokenizer, PhobertTokenizer)
LETTERS = "abcdeé"
MERGES = 150


def write_codes(folder: Path) -> tuple[str, str]:
    """Learn byte pairs on made-up words and write them as fastBPE does; what only merges pass through is no piece."""
    rng = random.Random(1)
    lengths = [rng.randint(1, 7) for _ in range(400)]
    words = [[rng.choice(LETTERS) for _ in range(length)] for length in lengths]
    spelt = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    codes = []
    for _ in range(MERGES):
        pairs = Counter(pair for word in spelt for pair in pairwise(word))
        (first, second), seen = pairs.most_common(1)[0]
        codes.append(f"{first} {second} {seen}\n")
        spelt = [joined(word, first, second) for word in spelt]
    used = Counter(
        part.removesuffix("</w>") if part.endswith("</w>") else f"{part}@@" for word in spelt for part in word
    )
    folder.mkdir(exist_ok=True)
    (folder / "bpe.codes").write_text("".join(codes), encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{part} {seen}\n" for part, seen in used.most_common()), "utf-8")
    return str(folder / "vocab.txt"), str(folder / "bpe.codes")


def joined(word: list[str], first: str, second: str) -> list[str]:
    found: list[str] = []
    for part in word:
        if found and (found[-1], part) == (first, second):
            found[-1] += part
        else:
            found.append(part)
    return found


def network(rows: int) -> RobertaForSequenceClassification:
    torch.manual_seed(3)
    config = RobertaConfig(
        vocab_size=rows, hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=16,
        max_position_embeddings=66, pad_token_id=1, initializer_range=0.5, id2label=dict(enumerate(LABELS)),
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    model.train(mode=False)
    return model


@pytest.fixture(scope="module", params=KINDS)
def slow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizer:
    tokenizer: PreTrainedTokenizer = request.param(*write_codes(tmp_path_factory.mktemp("codes")))
    return tokenizer


@pytest.fixture(scope="module")
def fast(slow: PreTrainedTokenizer) -> PreTrainedTokenizerBase:
    return with_fast_tokenizer(network(len(slow)), slow)


@given(words=st.lists(st.text(alphabet=f"{LETTERS}x!", min_size=1, max_size=9) | st.just("<mask>"), max_size=6))
def test_it_reads_as_the_slow_one_does(
    slow: PreTrainedTokenizer, fast: PreTrainedTokenizerBase, words: list[str]
) -> None:
    rows = len(slow)
    assert len(fast) > rows, "no step of a merge is unknown: the vocabulary shows nothing"
    read = [number if number < rows else slow.unk_token_id for number in fast(" ".join(words))["input_ids"]]
    assert read == slow(" ".join(words))["input_ids"]


def test_what_only_merges_pass_through_weighs_as_the_unknown_piece(slow: PreTrainedTokenizer) -> None:
    model, before = network(len(slow)), len(slow)
    with_fast_tokenizer(model, slow)
    table = model.roberta.embeddings.word_embeddings.weight
    assert model.config.vocab_size == len(table) > before
    assert torch.equal(table[before:], table[slow.unk_token_id].expand(len(table) - before, -1))


def test_a_bundle_of_such_a_checkpoint_scores_as_the_checkpoint(tmp_path: Path) -> None:
    slow = BertweetTokenizer(*write_codes(tmp_path / "base"))
    model = network(len(slow))
    model.save_pretrained(tmp_path / "base")
    (tmp_path / "base/tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertweetTokenizer"}))
    bundle = make_bundle(str(tmp_path / "base"), tmp_path / "bundle", describe(), "float32")
    texts = ["abc dé", "x", "cab bad", "deb ced abe"]
    for text, scores in zip(texts, TorchClassifier(bundle, "cpu")(texts), strict=True):
        with torch.inference_mode():
            wanted = model(torch.tensor([slow(text)["input_ids"]])).logits.softmax(-1)[0].tolist()
        assert scores[: len(LABELS)] == pytest.approx(wanted, abs=1e-3)


def test_a_fast_tokenizer_stays_as_it_is(fast: PreTrainedTokenizerBase) -> None:
    assert with_fast_tokenizer(network(8), fast) is fast


def test_another_slow_tokenizer_is_refused() -> None:
    with pytest.raises(BundleError, match=r"CanineTokenizer has no tokenizer\.json; convert it"):
        with_fast_tokenizer(network(8), CanineTokenizer())

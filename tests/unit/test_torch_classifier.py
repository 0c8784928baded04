"""What is particular to the network: probabilities, windows, readings, memory, numbers that are none."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.batching import plan_packed
from model.bundle import Bundle, write_bundle
from model.classifier import ClassifierDown, PoisonedText
from model.errors import BundleError, DeviceError
from model.network import choose_device
from model.torch_classifier import TorchClassifier
from tests.support.checkpoints import describe, tiny_bundle, write_checkpoint

TEXTS = ["gg wp", "you are bad", "go mid", "a", "report him please"]


def alter(bundle: Bundle, **weights: torch.Tensor) -> Bundle:
    path = bundle.path / "model.safetensors"
    save_file(load_file(path) | weights, path)
    return write_bundle(bundle.path, bundle.manifest)


def constant_logits(folder: Path, logits: list[float], **changes: object) -> TorchClassifier:
    bundle = tiny_bundle(folder / "b", describe(**changes.pop("description", {})), **changes)  # type: ignore[arg-type]  # a dict literal
    weights = {"classifier.weight": torch.zeros(3, 32), "classifier.bias": torch.tensor(logits)}
    return TorchClassifier(alter(bundle, **weights), "cpu")


def test_softmax_shares_add_up_and_rule_only_categories_score_nothing(tmp_path: Path) -> None:
    classifier = constant_logits(tmp_path, [math.log(5), math.log(3), math.log(2)])
    assert classifier(["x"]) == [(0.5, 0.3, 0.2, 0.0)]


def test_outputs_of_one_category_add_up_under_softmax(tmp_path: Path) -> None:
    labels = {"clean": "non_toxic", "flame": "insult", "threat": "insult"}
    classifier = constant_logits(tmp_path, [math.log(5), math.log(3), math.log(2)], description={"labels": labels})
    assert classifier(["x"]) == [(0.5, 0.5, 0.0, 0.0)]


def test_temperature_flattens(tmp_path: Path) -> None:
    classifier = constant_logits(tmp_path, [math.log(25), math.log(9), math.log(4)], description={"temperature": 2})
    assert classifier(["x"]) == [(0.5, 0.3, 0.2, 0.0)]


def test_without_an_output_of_its_own_non_toxic_is_what_the_highest_leaves(tmp_path: Path) -> None:
    labels = {"clean": None, "flame": "insult", "threat": "threat"}
    logit = math.log(0.8 / 0.2)
    classifier = constant_logits(
        tmp_path, [9, logit, 0], description={"labels": labels}, problem_type="multi_label_classification"
    )
    assert classifier(["x"]) == [(0.2, 0.8, 0.5, 0.0)]


def test_a_long_text_is_read_to_its_end(tmp_path: Path) -> None:
    classifier = TorchClassifier(tiny_bundle(tmp_path / "b"), "cpu")
    for end in ("you are bad", "zzz", "1 2 3"):
        alone = classifier([end])[0]
        hidden = classifier(["g " * 200 + end])[0]
        assert hidden != classifier(["g " * 200])[0]
        assert len(alone) == len(hidden)


def test_the_worst_reading_counts(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    plain = TorchClassifier(bundle, "cpu")
    both = TorchClassifier(bundle, "cpu", readings=lambda text: (text, text[::-1]))
    for text in TEXTS:
        one, other = plain([text, text[::-1]])
        (found,) = both([text])
        assert found[0] == min(one[0], other[0])
        assert found[1:] == tuple(map(max, one[1:], other[1:]))


class ScarceMemory:
    """A network on a device that holds so many tokens at once."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def plan(self, lengths: Sequence[int], budget: int, /) -> list[list[int]]:
        return plan_packed(lengths, budget)

    def __call__(self, rows: Sequence[Sequence[int]], /) -> torch.Tensor:
        if sum(map(len, rows)) > self.tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.tensor([row[:3] for row in rows]).double()


def starve(classifier: TorchClassifier, tokens: int) -> None:
    classifier._network = ScarceMemory(tokens)  # noqa: SLF001 - memory cannot run out on demand


def test_out_of_memory_halves_the_budget_and_goes_on(tmp_path: Path) -> None:
    classifier = TorchClassifier(tiny_bundle(tmp_path / "b"), "cpu", budget=1_024)
    starve(classifier, 100)
    texts = [f"{number:03d} a b c" for number in range(200)]
    scores = classifier(texts)
    assert classifier.budget == 64
    starve(classifier, 10**9)
    assert scores == classifier(texts)


def test_out_of_memory_on_a_single_row_is_the_device_being_down(tmp_path: Path) -> None:
    classifier = TorchClassifier(tiny_bundle(tmp_path / "b"), "cpu")
    starve(classifier, 2)
    with pytest.raises(ClassifierDown, match="single row"):
        classifier(["gg", "wp"])


def test_a_text_without_a_number_is_named(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    words = load_file(bundle.path / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    words[5 + 25] = math.nan  # the letter z at the start of a word
    classifier = TorchClassifier(alter(bundle, **{"bert.embeddings.word_embeddings.weight": words}), "cpu")
    with pytest.raises(PoisonedText) as caught:
        classifier(["gg", "wp", "z", "a z"])
    assert caught.value.index == 2
    assert len(classifier(["gg", "wp"])) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_widened_on_the_cpu(tmp_path: Path, dtype: torch.dtype) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    whole = TorchClassifier(bundle, "cpu")(TEXTS)
    path = bundle.path / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    half = TorchClassifier(write_bundle(bundle.path, bundle.manifest), "cpu")(TEXTS)
    for one, other in zip(whole, half, strict=True):
        assert one == pytest.approx(other, abs=0.05)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "b", num_hidden_layers=1)
    config = (tmp_path / "b" / "config.json").read_text()
    (tmp_path / "b" / "config.json").write_text(config.replace('"num_hidden_layers": 1', '"num_hidden_layers": 2'))
    with pytest.raises(BundleError, match=r"not the weights that config\.json describes"):
        TorchClassifier(write_bundle(tmp_path / "b", describe()), "cpu")


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "b")
    (tmp_path / "b" / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer\.json: not a tokenizer"):
        TorchClassifier(write_bundle(tmp_path / "b", describe()), "cpu")


def test_a_tokenizer_with_more_tokens_than_the_network_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "b", vocab_size=60)
    with pytest.raises(BundleError, match="has 60"):
        TorchClassifier(write_bundle(tmp_path / "b", describe()), "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeviceError, match="no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


def test_weights_that_are_no_numbers_refuse_the_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"b: it cannot score .* is not a number; its weights or"):
        constant_logits(tmp_path, [math.nan, 0.0, 0.0])

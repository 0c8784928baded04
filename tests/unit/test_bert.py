"""Our BERT computes what transformers computes, to the last bits of a float32."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from model.bert import Bert, is_plain_bert
from model.packing import as_packed, packed, padded
from tests.support.checkpoints import random_weights, tiny_config

LAST_BITS = 1e-5
CPU = torch.device("cpu")


@pytest.fixture(params=[(32, 2, 2), (96, 3, 4)], ids=["tiny", "wider"])
def pair(request: pytest.FixtureRequest) -> tuple[Bert, torch.nn.Module]:
    width, layers, heads = request.param
    config = tiny_config(
        ["a", "b", "c"], hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=150
    )
    weights = random_weights(config, 3)
    theirs = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**config))
    theirs.load_state_dict(weights)
    return Bert(config, weights), theirs.eval()


def rows(count: int, length: int) -> torch.Tensor:
    return torch.randint(5, 80, (count, length), generator=torch.Generator().manual_seed(count * length))


def mixed(*lengths: int) -> list[list[int]]:
    """Return rows of these lengths, sorted."""
    drawn = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(5, 80, (length,), generator=drawn).tolist() for length in sorted(lengths)]


@torch.inference_mode()
def test_logits_are_those_of_transformers(pair: tuple[Bert, torch.nn.Module]) -> None:
    ours, theirs = pair
    for count in (1, 2, 7, 33):
        for length in (2, 3, 9, 40):
            ids = rows(count, length)
            expected = theirs(input_ids=ids).logits
            torch.testing.assert_close(ours(as_packed(ids, None)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_masked_logits_are_those_of_transformers(pair: tuple[Bert, torch.nn.Module]) -> None:
    ours, theirs = pair
    ids, mask = padded(mixed(12, 3, 5, 12, 2, 7, 11, 4, 6), 0, CPU)
    assert mask is not None
    expected = theirs(input_ids=ids, attention_mask=mask.long()).logits
    torch.testing.assert_close(ours(as_packed(ids, mask)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_rows_of_all_lengths_have_the_logits_of_transformers(pair: tuple[Bert, torch.nn.Module]) -> None:
    ours, theirs = pair
    given = mixed(12, 3, 5, 12, 2, 7, 11, 4, 6, 3, 40, 1)
    expected = torch.cat([theirs(input_ids=torch.tensor([row])).logits for row in given])
    torch.testing.assert_close(ours(packed(given, CPU)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_a_row_is_equal_to_the_last_bit_in_any_batch_of_four_or_more(pair: tuple[Bert, torch.nn.Module]) -> None:
    ours, _ = pair
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        given = mixed(*[2, 3, 3, 3, 5, 5, 8, 13, 13, 13, 13, 13, 27, 40] * 5)
        whole = ours(packed(given, CPU))
        for first in range(0, len(given) - 4, 3):
            for count in (4, 5, 7, 31):
                part = ours(packed(given[first : first + count], CPU))
                assert torch.equal(part, whole[first : first + count])
        for number in range(0, len(given), 5):
            assert torch.equal(ours(packed([given[number]] * 4, CPU))[2], whole[number])
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"is_decoder": True}, {"model_type": "roberta"}])
def test_other_networks_are_left_to_transformers(change: dict[str, object]) -> None:
    assert is_plain_bert(tiny_config(["a", "b"]))
    assert not is_plain_bert(tiny_config(["a", "b"], **change))


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    config = tiny_config(["a", "b"])
    weights = random_weights(config, 3)
    del weights["bert.encoder.layer.1.output.dense.weight"]
    with pytest.raises(KeyError, match=r"layer\.1\.output"):
        Bert(config, weights)

"""Our BERT computes what transformers computes, to the last bits of a float32."""

import re
from collections.abc import Callable

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from model.bert import Bert, is_plain_bert
from model.packing import as_packed, packed, padded
from tests.support.checkpoints import random_weights, tiny_config

LAST_BITS = 1e-5
CPU = torch.device("cpu")


PAD = 1

Pair = tuple[Bert, torch.nn.Module]


def a_bert(width: int, layers: int, heads: int) -> Pair:
    config = tiny_config(
        ["a", "b", "c"], hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=150
    )
    weights = random_weights(config, 3)
    theirs = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**config))
    theirs.load_state_dict(weights)
    return Bert(config, weights), theirs.eval()


def a_roberta(kind: str) -> Pair:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = AutoConfig.for_model(
        kind, **sizes, vocab_size=90, max_position_embeddings=44, pad_token_id=PAD, num_labels=3, initializer_range=0.3
    )
    torch.manual_seed(4)
    theirs = AutoModelForSequenceClassification.from_config(config).eval()
    return Bert(config.to_dict(), theirs.state_dict()), theirs


PAIRS: dict[str, Callable[[], Pair]] = {
    "tiny": lambda: a_bert(32, 2, 2),
    "wider": lambda: a_bert(96, 3, 4),
    "roberta": lambda: a_roberta("roberta"),
    "xlm-roberta": lambda: a_roberta("xlm-roberta"),
    "camembert": lambda: a_roberta("camembert"),
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]()


def rows(count: int, length: int) -> torch.Tensor:
    return torch.randint(5, 80, (count, length), generator=torch.Generator().manual_seed(count * length))


def mixed(*lengths: int) -> list[list[int]]:
    """Return rows of these lengths, sorted."""
    drawn = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(5, 80, (length,), generator=drawn).tolist() for length in sorted(lengths)]


@torch.inference_mode()
def test_logits_are_those_of_transformers(pair: Pair) -> None:
    ours, theirs = pair
    for count in (1, 2, 7, 33):
        for length in (2, 3, 9, 40):
            ids = rows(count, length)
            expected = theirs(input_ids=ids).logits
            torch.testing.assert_close(ours(as_packed(ids, None)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_masked_logits_are_those_of_transformers(pair: Pair) -> None:
    ours, theirs = pair
    ids, mask = padded(mixed(12, 3, 5, 12, 2, 7, 11, 4, 6), PAD, CPU)
    assert mask is not None
    expected = theirs(input_ids=ids, attention_mask=mask.long()).logits
    torch.testing.assert_close(ours(as_packed(ids, mask)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_rows_of_all_lengths_have_the_logits_of_transformers(pair: Pair) -> None:
    ours, theirs = pair
    given = mixed(12, 3, 5, 12, 2, 7, 11, 4, 6, 3, 40, 1)
    expected = torch.cat([theirs(input_ids=torch.tensor([row])).logits for row in given])
    torch.testing.assert_close(ours(packed(given, CPU)), expected, rtol=LAST_BITS, atol=LAST_BITS)


@torch.inference_mode()
def test_the_padding_token_inside_a_text_is_read_as_transformers_reads_it(pair: Pair) -> None:
    ours, theirs = pair
    given = [[2, PAD, 9, 3], [2, 7, 8, PAD, PAD, 9, 3], [PAD, PAD, 4, 5, 6, 7, PAD]]
    for row in given:
        expected = theirs(input_ids=torch.tensor([row]), attention_mask=torch.ones(1, len(row))).logits
        torch.testing.assert_close(ours(packed([row] * 4, CPU))[:1], expected, rtol=LAST_BITS, atol=LAST_BITS)
    one_by_one = torch.cat([ours(packed([row] * 4, CPU))[:1] for row in given])
    assert torch.equal(ours(packed([*given, given[-1]], CPU))[:3], one_by_one)


@torch.inference_mode()
def test_a_row_is_equal_to_the_last_bit_in_any_batch_of_four_or_more(pair: Pair) -> None:
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


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"is_decoder": True}, {"model_type": "electra"}])
def test_other_networks_are_left_to_transformers(change: dict[str, object]) -> None:
    assert is_plain_bert(tiny_config(["a", "b"]))
    assert not is_plain_bert(tiny_config(["a", "b"], **change))


@pytest.mark.parametrize(
    "name", ["bert.encoder.layer.1.output.dense.weight", "bert.encoder.layer.0.attention.output.LayerNorm.bias"]
)
def test_a_missing_weight_is_named(name: str) -> None:
    config = tiny_config(["a", "b"])
    weights = random_weights(config, 3)
    del weights[name]
    with pytest.raises(KeyError, match=re.escape(name)):
        Bert(config, weights)

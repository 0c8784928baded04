"""BERT and RoBERTa for sequence classification, forward only, on torch alone.

The default bundle is a small BERT.  Importing transformers costs seconds at every start, and the Python overhead of its
forward pass is noticeable for a network of this size.  A test compares the two, to the last bits of a float32: the last
layer is computed for the first token alone, which is all that the classifier reads.

Sources of the arithmetic: Devlin et al. 2019 and Liu et al. 2019, as ``BertForSequenceClassification`` and
``RobertaForSequenceClassification`` compute it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention

from model.packing import Group, Packed

Asking = Sequence[tuple[slice, Group]]
"""Groups that attend to themselves, each with the place of its queries."""


class _Kin(NamedTuple):
    """What distinguishes an architecture."""

    encoder: str
    """Prefix of its weights, those of the classifier apart."""
    pooler: str
    classifier: str
    pad: int | None
    """Default of ``pad_token_id`` if positions are counted from behind it and leave it out; None if they are not."""


_ROBERTA: Final = _Kin("roberta.", "classifier.dense", "classifier.out_proj", 1)
_KINDS: Final = {
    "bert": _Kin("bert.", "bert.pooler.dense", "classifier", None),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}
_DENSE: Final = (
    *("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"),
    *("intermediate.dense", "output.dense"),
)
_NORMS: Final = ("attention.output.LayerNorm", "output.LayerNorm")
"""What each layer has, with weights and biases."""
_PLAIN: Final = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}


def is_plain_bert(config: Mapping[str, Any]) -> bool:
    """Whether ``Bert`` computes what this configuration describes."""
    deep = config.get("num_hidden_layers", 0) > 0
    return (
        deep
        and config["model_type"] in _KINDS
        and all(config.get(key, value) == value for key, value in _PLAIN.items())
    )


class Bert:
    """A classifier over given weights, of which it keeps copies."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Bind weights by their Hugging Face names.

        Raises:
            KeyError: a weight is missing.
        """
        self._heads: int = config["num_attention_heads"]
        self._head_width: int = config["hidden_size"] // self._heads
        self._epsilon: float = config.get("layer_norm_eps", 1e-12)
        self._kin = _KINDS[config["model_type"]]
        self._pad: int | None = None if self._kin.pad is None else config.get("pad_token_id", self._kin.pad)
        embeddings = self._kin.encoder + "embeddings."
        self._embeddings_norm = embeddings + "LayerNorm"
        self._words = weights[embeddings + "word_embeddings.weight"]
        self._positions = weights[embeddings + "position_embeddings.weight"]
        self._type = weights[embeddings + "token_type_embeddings.weight"][0]
        self._layers = [f"{self._kin.encoder}encoder.layer.{number}." for number in range(config["num_hidden_layers"])]
        dense = [prefix + part for prefix in self._layers for part in _DENSE]
        self._dense = {name: _dense(weights, name) for name in (*dense, self._kin.pooler, self._kin.classifier)}
        norms = [embeddings + "LayerNorm", *(prefix + part for prefix in self._layers for part in _NORMS)]
        self._norms = {name: (weights[name + ".weight"], weights[name + ".bias"]) for name in norms}

    def __call__(self, rows: Packed) -> Tensor:
        """Return logits, [rows, outputs]."""
        hidden = self._words[rows.ids] + self._type
        places = rows.positions if self._pad is None else positions_behind(self._pad, rows)
        hidden = self._norm(self._embeddings_norm, hidden + self._positions[places])
        for prefix in self._layers[:-1]:
            hidden = self._layer(prefix, hidden, hidden, [(group.tokens, group) for group in rows.groups])
        # The pooler reads the first tokens only, so the last layer computes no others.
        firsts = hidden[rows.firsts]
        hidden = self._layer(self._layers[-1], firsts, hidden, [(group.rows, group) for group in rows.groups])
        return self._linear(self._kin.classifier, torch.tanh(self._linear(self._kin.pooler, hidden)))

    def _layer(self, prefix: str, hidden: Tensor, seen: Tensor, asking: Asking) -> Tensor:
        """Return the next layer's output for ``hidden``, which attends to ``seen``, all tokens."""
        context = self._attend(prefix + "attention.self.", hidden, seen, asking)
        projected = self._linear(prefix + "attention.output.dense", context)
        hidden = self._norm(prefix + "attention.output.LayerNorm", projected + hidden)
        inner = gelu(self._linear(prefix + "intermediate.dense", hidden))
        return self._norm(prefix + "output.LayerNorm", self._linear(prefix + "output.dense", inner) + hidden)

    def _attend(self, prefix: str, hidden: Tensor, seen: Tensor, asking: Asking) -> Tensor:
        query = self._linear(prefix + "query", hidden)
        key, value = self._linear(prefix + "key", seen), self._linear(prefix + "value", seen)
        context = torch.empty_like(query)
        for place, group in asking:
            parts = query[place], key[group.tokens], value[group.tokens]
            asked, keys, values = (self._by_head(part, group.size) for part in parts)
            found = scaled_dot_product_attention(asked, keys, values, attn_mask=group.mask)
            context[place] = found.transpose(1, 2).reshape(-1, query.shape[1])
        return context

    def _by_head(self, tokens: Tensor, rows: int) -> Tensor:
        """Return the tokens of equally long rows as [rows, heads, tokens of a row, width of a head]."""
        return tokens.view(rows, -1, self._heads, self._head_width).transpose(1, 2)

    def _linear(self, name: str, hidden: Tensor) -> Tensor:
        bias, weight = self._dense[name]
        return torch.addmm(bias, hidden, weight)

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._norms[name]
        return layer_norm(hidden, weight.shape, weight, bias, self._epsilon)


def _dense(weights: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Return a layer's bias and its weights, [inputs, outputs].

    On a CPU in that order in memory: four rows of chat take a tenth less time than from the checkpoint's order, more
    than 32 the same, and the bits are equal.
    """
    bias, weight = weights[name + ".bias"], weights[name + ".weight"].t()
    return bias, weight.contiguous() if weight.device.type == "cpu" else weight


def positions_behind(pad: int, rows: Packed) -> Tensor:
    """Return positions as RoBERTa counts them, [tokens]: from behind ``pad``, which as a token has its own number.

    A text that contains the padding token's name has such a token inside.
    """
    counts = (rows.ids != pad).long()
    until = counts.cumsum(0)
    starts = torch.arange(len(counts), device=counts.device) - rows.positions
    return (until - (until - counts)[starts]) * counts + pad

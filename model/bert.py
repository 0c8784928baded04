"""BERT for sequence classification, forward only, on torch alone.

The default bundle is a small BERT.  Importing transformers costs seconds at every start, and the Python overhead of its
forward pass is noticeable for a network of this size.  A test compares the two, to the last bits of a float32: the last
layer is computed for the first token alone, which is all that the classifier reads.

Source of the arithmetic: Devlin et al. 2019, as ``BertForSequenceClassification`` computes it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from model.packing import Group, Packed

Asking = Sequence[tuple[slice, Group]]
"""Groups that attend to themselves, each with the place of its queries."""

_PLAIN = {
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
        and config["model_type"] == "bert"
        and all(config.get(key, value) == value for key, value in _PLAIN.items())
    )


class Bert:
    """A BERT classifier over given weights, which it does not copy or change."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        """Bind weights by their Hugging Face names.

        Raises:
            KeyError: a weight is missing.
        """
        self._heads: int = config["num_attention_heads"]
        self._head_width: int = config["hidden_size"] // self._heads
        self._epsilon: float = config.get("layer_norm_eps", 1e-12)
        self._weights = dict(weights)
        embeddings = "bert.embeddings."
        self._words = weights[embeddings + "word_embeddings.weight"]
        self._positions = weights[embeddings + "position_embeddings.weight"]
        self._type = weights[embeddings + "token_type_embeddings.weight"][0]
        self._layers = [f"bert.encoder.layer.{number}." for number in range(config["num_hidden_layers"])]
        for prefix in self._layers:
            for part in ("attention.self.query", "attention.self.key", "attention.self.value", "output.dense"):
                _ = weights[f"{prefix}{part}.weight"]
        _ = weights["classifier.weight"], weights["bert.pooler.dense.weight"]

    def __call__(self, rows: Packed) -> Tensor:
        """Return logits, [rows, outputs]."""
        hidden = self._words[rows.ids] + self._type
        hidden = self._norm("bert.embeddings.LayerNorm", hidden + self._positions[rows.positions])
        for prefix in self._layers[:-1]:
            hidden = self._layer(prefix, hidden, hidden, [(group.tokens, group) for group in rows.groups])
        # The pooler reads the first tokens only, so the last layer computes no others.
        firsts = hidden[rows.firsts]
        hidden = self._layer(self._layers[-1], firsts, hidden, [(group.rows, group) for group in rows.groups])
        return self._linear("classifier", torch.tanh(self._linear("bert.pooler.dense", hidden)))

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
        return linear(hidden, self._weights[name + ".weight"], self._weights[name + ".bias"])

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight = self._weights[name + ".weight"]
        return layer_norm(hidden, weight.shape, weight, self._weights[name + ".bias"], self._epsilon)

"""BERT for sequence classification, forward only, on torch alone.

The default bundle is a small BERT.  Importing transformers costs seconds at every start, and the Python overhead of its
forward pass is noticeable for a network of this size.  A test compares the two, to the last bits of a float32: the last
layer is computed for the first token alone, which is all that the classifier reads.

Source of the arithmetic: Devlin et al. 2019, as ``BertForSequenceClassification`` computes it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

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

    def __call__(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Return logits.

        Args:
            ids: token ids, [rows, tokens].
            mask: True where a token counts, [rows, tokens]; None if all do.
        """
        attended = None if mask is None else mask[:, None, None, :]
        hidden = self._words[ids] + self._type
        hidden = self._norm("bert.embeddings.LayerNorm", hidden + self._positions[: ids.shape[1]])
        for prefix in self._layers[:-1]:
            hidden = self._layer(prefix, hidden, hidden, attended)
        # The pooler reads the first token only, so the last layer computes no other.
        hidden = self._layer(self._layers[-1], hidden[:, :1], hidden, attended)
        pooled = torch.tanh(self._linear("bert.pooler.dense", hidden[:, 0]))
        return self._linear("classifier", pooled)

    def _layer(self, prefix: str, hidden: Tensor, seen: Tensor, mask: Tensor | None) -> Tensor:
        context = self._attend(prefix + "attention.self.", hidden, seen, mask)
        projected = self._linear(prefix + "attention.output.dense", context)
        hidden = self._norm(prefix + "attention.output.LayerNorm", projected + hidden)
        inner = gelu(self._linear(prefix + "intermediate.dense", hidden))
        return self._norm(prefix + "output.LayerNorm", self._linear(prefix + "output.dense", inner) + hidden)

    def _attend(self, prefix: str, hidden: Tensor, seen: Tensor, mask: Tensor | None) -> Tensor:
        query = self._heads_of(prefix + "query", hidden)
        key, value = self._heads_of(prefix + "key", seen), self._heads_of(prefix + "value", seen)
        context = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return context.transpose(1, 2).reshape(hidden.shape)

    def _heads_of(self, name: str, hidden: Tensor) -> Tensor:
        rows, tokens, _ = hidden.shape
        return self._linear(name, hidden).view(rows, tokens, self._heads, -1).transpose(1, 2)

    def _linear(self, name: str, hidden: Tensor) -> Tensor:
        return linear(hidden, self._weights[name + ".weight"], self._weights[name + ".bias"])

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight = self._weights[name + ".weight"]
        return layer_norm(hidden, weight.shape, weight, self._weights[name + ".bias"], self._epsilon)

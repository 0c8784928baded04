"""The classifier on torch: canonical texts in, probabilities by category out.

A text may be read in several ways (``model.readings`` undoes disguises) and, where it is long, in overlapping
windows.  Every reading is scored, and the worst counts: nothing added to a message can make it milder.

On a CPU a row's scores do not depend on its batch (``model.network``); each batch is computed by one thread.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from model.bundle import Bundle
from model.classifier import ClassifierDown, PoisonedText, on_grid
from model.encoding import Encoder
from model.errors import BundleError
from model.network import Device, choose_device, load_network
from model.pieces import load_tokenizer
from model.readings import readings
from model.resolver import Scores
from schemas.taxonomy import NON_TOXIC

Readings = Callable[[str], tuple[str, ...]]
"""The readings of a canonical text; the first is the text itself."""

Matrix = NDArray[np.float64]

CPU_BUDGET: Final = 2_048
CUDA_BUDGET: Final = 16_384
"""Tokens per batch; about 8,192 fill a large GPU."""
LEAST_TOKENS: Final = 64
"""A batch costs as much as 50 tokens besides its own, so fewer are not split among threads."""
_WARM_UP: Final = "warm up"


class TorchClassifier:
    """Scores canonical texts by a bundle's network.

    ``threads`` batches are computed in parallel on a CPU, each by one thread.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: Device = "auto",
        budget: int | None = None,
        threads: int = 1,
        readings: Readings = readings,
    ) -> None:
        """Load the network and warm it up.  Blocks: disk, device.

        Raises:
            BundleError: the bundle's tokenizer or weights cannot be used.
            DeviceError: the requested device does not exist.
        """
        self._device = choose_device(device)
        on_cpu = self._device.type == "cpu"
        self._network = load_network(bundle, self._device)
        self._encoder = Encoder(_tokenizer(bundle))
        self._pad: int = bundle.config.get("pad_token_id") or 0
        self._head = _Head(bundle)
        self._readings = readings
        self._budget = budget or (CPU_BUDGET if on_cpu else CUDA_BUDGET)
        self._threads = threads if on_cpu else 1
        self._pool = ThreadPoolExecutor(self._threads, "classifier", initializer=_one_thread)
        try:
            self([_WARM_UP])
        except PoisonedText as exc:
            mend = "its weights or its tokenizer are broken"
            raise BundleError(f"{bundle.path}: it cannot score {_WARM_UP!r}: {exc.reason}; {mend}") from exc

    @property
    def budget(self) -> int:
        """Current maximum of tokens per batch; halved whenever memory runs out."""
        return self._budget

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        """Score each text, in order.  Blocks on the device.

        Raises:
            ClassifierDown: memory runs out even for a single row, or the device fails.
            PoisonedText: a text cannot be encoded, or the network's output for it is not a number.
        """
        if not texts:
            return []
        rows, owners = self._encode(texts)
        probabilities = self._head.probabilities(self._logits(rows))
        broken = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
        if broken.size:
            first = next(index for index, own in enumerate(owners) if not set(own).isdisjoint(broken.tolist()))
            raise PoisonedText(first, "the network's output for it is not a number")
        return [on_grid(self._head.worst(probabilities[own])) for own in owners]

    def _encode(self, texts: Sequence[str]) -> tuple[list[tuple[int, ...]], list[list[int]]]:
        """Return distinct token rows and, for each text, the indices of its rows."""
        rows: dict[tuple[int, ...], int] = {}
        owners: list[list[int]] = []
        readings = [self._readings(text) for text in texts]
        encodings = iter(self._tokenize(readings))
        for ways in readings:
            own: dict[int, None] = {}
            for _ in ways:
                encoding = next(encodings)
                for window in (encoding, *encoding.overflowing):
                    ids = tuple(window.ids) or (self._pad,)
                    own[rows.setdefault(ids, len(rows))] = None
            owners.append(list(own))
        return list(rows), owners

    def _tokenize(self, readings: list[tuple[str, ...]]) -> list[Encoding]:
        try:
            return self._encoder([way for ways in readings for way in ways])
        except (TypeError, ValueError, UnicodeError) as exc:
            raise PoisonedText(self._unreadable(readings), "it cannot be encoded") from exc

    def _unreadable(self, readings: list[tuple[str, ...]]) -> int:
        for index, ways in enumerate(readings):
            try:
                self._encoder(ways)
            except (TypeError, ValueError, UnicodeError):
                return index
        return 0

    def _logits(self, rows: list[tuple[int, ...]]) -> Matrix:
        """Return logits, [rows, outputs]; when memory runs out, continue with half the budget."""
        logits: Matrix = np.full((len(rows), self._head.outputs), np.nan)
        waiting = self._plan(rows, range(len(rows)))
        while waiting:
            done = list(self._pool.map(self._try_batch, [[rows[index] for index in batch] for batch in waiting]))
            for batch, found in zip(waiting, done, strict=True):
                if found is not None:
                    logits[batch] = found
            failed = [batch for batch, found in zip(waiting, done, strict=True) if found is None]
            waiting = self._halve(rows, failed) if failed else []
        return logits

    def _plan(self, rows: list[tuple[int, ...]], indices: Sequence[int]) -> list[list[int]]:
        """Return batches of these rows, one for every thread unless that makes them too small."""
        lengths = [len(rows[index]) for index in indices]
        share = max(LEAST_TOKENS, -(-sum(lengths) // self._threads)) if self._threads > 1 else self._budget
        budget = min(self._budget, share)
        return [[indices[place] for place in batch] for batch in self._network.plan(lengths, budget)]

    def _halve(self, rows: list[tuple[int, ...]], failed: list[list[int]]) -> list[list[int]]:
        if all(len(batch) == 1 for batch in failed):
            raise ClassifierDown("out of memory on a single row; use a larger device or a smaller bundle")
        self._budget = max(self._budget // 2, 1)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return self._plan(rows, [index for batch in failed for index in batch])

    def _try_batch(self, rows: list[tuple[int, ...]]) -> Matrix | None:
        """Return one batch's logits, or None when memory runs out.

        Raises:
            ClassifierDown: the device fails.
        """
        try:
            return self._run(rows)
        except (torch.OutOfMemoryError, MemoryError):
            return None
        except RuntimeError as exc:
            if "can't allocate memory" in str(exc):  # the CPU allocator has no error class of its own
                return None
            raise ClassifierDown(f"the {self._device.type} device failed: {exc}") from exc

    @torch.inference_mode()
    def _run(self, rows: list[tuple[int, ...]]) -> Matrix:
        return self._network(rows).to("cpu", torch.float64).numpy()


class _Head:
    """Logits to probabilities by category."""

    def __init__(self, bundle: Bundle) -> None:
        names = bundle.taxonomy.names
        self._clean = names.index(NON_TOXIC)
        self._sigmoid = bundle.multi_label
        self._temperature = bundle.manifest.temperature
        self._columns = [(place, category) for place, category in enumerate(bundle.outputs) if category is not None]
        self._has_clean = self._clean in bundle.outputs
        self._categories = len(names)
        self.outputs = len(bundle.outputs)

    def probabilities(self, logits: Matrix) -> Matrix:
        """Return probabilities, [rows, categories].

        Outputs of one category add up under softmax, where they are exclusive; otherwise the highest counts.
        Without an output of its own, ``non_toxic`` is 1 - the highest.
        """
        scaled = logits / self._temperature
        if self._sigmoid:
            shares = 1 / (1 + np.exp(-scaled))
        else:
            shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
        found: Matrix = np.zeros((len(logits), self._categories))
        for place, category in self._columns:
            column = shares[:, place]
            found[:, category] = (
                np.maximum(found[:, category], column) if self._sigmoid else found[:, category] + column
            )
        if not self._has_clean:
            found[:, self._clean] = 1 - found.max(axis=1)
        return found.clip(0, 1)

    def worst(self, probabilities: Matrix) -> list[float]:
        """Combine the readings of one text: the highest of each category, the lowest of ``non_toxic``."""
        worst = probabilities.max(axis=0)
        worst[self._clean] = probabilities[:, self._clean].min()
        return [float(share) for share in worst]


def _tokenizer(bundle: Bundle) -> Tokenizer:
    tokenizer = load_tokenizer(bundle)
    most = bundle.manifest.max_tokens
    tokenizer.enable_truncation(most, stride=most // 4)
    return tokenizer


def _one_thread() -> None:
    torch.set_num_threads(1)

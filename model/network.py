"""A verified bundle's network on a device: token ids in, logits out.

On a CPU a row's logits do not depend on its batch: nothing is padded, and a batch has at least four rows, the minimum
at which the matrix kernels treat every row alike.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from model.batching import plan_packed, plan_padded
from model.bert import Bert, is_plain_bert
from model.bundle import Bundle
from model.errors import BundleError, DeviceError
from model.packing import Row, as_packed, packed, padded
from model.vetting import WEIGHTS

Device = Literal["auto", "cpu", "cuda"]
Forward = Callable[[Tensor, Tensor | None], Tensor]
"""Token ids and mask, both [rows, tokens], to logits [rows, outputs]; without a mask every token counts."""
LEAST_ROWS: Final = 4
CUDA_SLACK: Final = 8


class Network(Protocol):
    """Rows of token ids to logits."""

    def plan(self, lengths: Sequence[int], budget: int, /) -> list[list[int]]:
        """Split rows of these lengths into batches for ``__call__``; returns row indices, every index once."""
        ...

    def __call__(self, rows: Sequence[Row], /) -> Tensor:
        """Return logits, [rows, outputs], of one batch.  Blocks on the device."""
        ...


class PackedBert:
    """BERT on a CPU: rows of all lengths share a batch."""

    def __init__(self, bert: Bert) -> None:
        self._bert = bert
        self.plan = plan_packed

    def __call__(self, rows: Sequence[Row], /) -> Tensor:
        """Return logits, [rows, outputs]."""
        return self._bert(packed(_enough(rows), torch.device("cpu")))[: len(rows)]


class Padded:
    """Any network over padded rows: on a CPU those of one length, on CUDA of similar length, to share a launch."""

    def __init__(self, forward: Forward, pad: int, device: torch.device) -> None:
        self._forward, self._pad, self._device = forward, pad, device
        self._on_cpu = device.type == "cpu"

    def plan(self, lengths: Sequence[int], budget: int, /) -> list[list[int]]:
        """Split rows into batches, by length."""
        return plan_padded(lengths, budget, 0 if self._on_cpu else CUDA_SLACK)

    def __call__(self, rows: Sequence[Row], /) -> Tensor:
        """Return logits, [rows, outputs]."""
        given = _enough(rows) if self._on_cpu else rows
        return self._forward(*padded(given, self._pad, self._device))[: len(rows)]


def _enough(rows: Sequence[Row]) -> list[Row]:
    return [*rows, *[rows[-1]] * (LEAST_ROWS - len(rows))]


def choose_device(device: Device) -> torch.device:
    """Return the requested device; ``auto`` is CUDA if there is one.

    Raises:
        DeviceError: CUDA is requested and absent.
    """
    present = device != "cpu" and torch.cuda.is_available()
    if device == "cuda" and not present:
        raise DeviceError("no CUDA device is visible; set model.device to auto or cpu, or fix the driver")
    return torch.device("cuda" if present else "cpu")


def load_network(bundle: Bundle, device: torch.device) -> Network:
    """Put a bundle's network on a device.  On a CPU, where half precision is slow, weights are converted to float32.

    Raises:
        BundleError: the weights are not those of the network that ``config.json`` describes.
    """
    dtype = torch.float32 if device.type == "cpu" else None
    try:
        weights = {name: tensor.to(device, dtype) for name, tensor in load(bundle.read(WEIGHTS)).items()}
        pad = bundle.config.get("pad_token_id") or 0
        if not is_plain_bert(bundle.config):
            return Padded(_from_transformers(bundle, weights, device), pad, device)
        bert = Bert(bundle.config, weights)
        if device.type == "cpu":
            return PackedBert(bert)
        return Padded(lambda ids, mask: bert(as_packed(ids, mask)), pad, device)
    except (KeyError, SafetensorError, RuntimeError) as exc:
        if isinstance(exc, torch.OutOfMemoryError):
            raise
        raise BundleError(f"{bundle.path / WEIGHTS}: not the weights that config.json describes: {exc}") from exc


def _from_transformers(bundle: Bundle, weights: dict[str, Tensor], device: torch.device) -> Forward:
    """Build any other network with transformers, from the vetted configuration alone."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    settings = {key: value for key, value in bundle.config.items() if key not in ("model_type", "dtype", "torch_dtype")}
    config = AutoConfig.for_model(bundle.config["model_type"], **settings)
    model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    absent, unexpected = model.load_state_dict(weights, strict=False)
    surplus = [name for name in unexpected if not name.endswith("position_ids")]
    if absent or surplus:
        raise KeyError(f"missing {absent[:3]}, unexpected {surplus[:3]}")
    dtype = next(iter(weights.values())).dtype
    model = model.to(device, dtype).eval()

    def forward(ids: Tensor, mask: Tensor | None) -> Tensor:
        logits: Tensor = model(input_ids=ids, attention_mask=mask if mask is None else mask.long()).logits
        return logits

    return forward

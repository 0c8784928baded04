"""A verified bundle's network on a device: token ids in, logits out."""

from collections.abc import Callable
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from model.bert import Bert, is_plain_bert
from model.bundle import Bundle
from model.errors import BundleError, DeviceError
from model.vetting import WEIGHTS

Device = Literal["auto", "cpu", "cuda"]
Network = Callable[[Tensor, Tensor | None], Tensor]
"""Token ids and mask, both [rows, tokens], to logits [rows, outputs]; without a mask every token counts."""


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
        if is_plain_bert(bundle.config):
            return Bert(bundle.config, weights)
        return _from_transformers(bundle, weights, device)
    except (KeyError, SafetensorError, RuntimeError) as exc:
        if isinstance(exc, torch.OutOfMemoryError):
            raise
        raise BundleError(f"{bundle.path / WEIGHTS}: not the weights that config.json describes: {exc}") from exc


def _from_transformers(bundle: Bundle, weights: dict[str, Tensor], device: torch.device) -> Network:
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

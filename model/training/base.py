"""The network that training starts from: a verified checkpoint, its head fitted to the categories, and adapters."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from model.architectures import DECODERS
from model.byte_pairs import with_fast_tokenizer
from model.checkpoint import locate, refuse_deaf, vet_checkpoint
from model.errors import BundleError
from model.training.heads import put_head
from model.training.outputs import NOTHING, Known, Outputs
from model.training.settings import Lora, TrainingSettings

log = logging.getLogger(__name__)


def load_base(
    settings: TrainingSettings, outputs: Outputs, known: Known = NOTHING
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the base with a head of these outputs; a decoder, or any base if ``settings.lora`` is set, gets adapters.

    Raises:
        BundleError: the base is unsafe, invalid or unknown, its tokenizer has an empty vocabulary, or is slow and
            cannot be converted.
    """
    folder = locate(settings.base)
    vet_checkpoint(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = _with_own_head(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as exc:
        raise BundleError(f"{folder}: transformers cannot load it: {exc}") from exc
    put_head(model, outputs, known)
    refuse_deaf(folder, tokenizer)
    fast = with_fast_tokenizer(model, tokenizer)
    _set_padding(model, fast)
    decoder = model.config.model_type in DECODERS
    adapters = settings.lora or (Lora() if decoder else None)
    return (model if adapters is None else _adapted(model, adapters)), fast


def _with_own_head(folder: Path) -> PreTrainedModel:
    """Load a classifier with the checkpoint's head, or a random one if it has none."""
    with _silent_loading():
        model, found = AutoModelForSequenceClassification.from_pretrained(
            folder,
            ignore_mismatched_sizes=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    loaded: PreTrainedModel = model
    _refuse_another_body(folder, loaded, found)
    return loaded


def _refuse_another_body(folder: Path, model: PreTrainedModel, found: dict[str, Any]) -> None:
    """Refuse weights that do not fit the body; ``put_head`` sees to the head."""
    body = f"{model.base_model_prefix}."
    misfits = sorted(str(key[0]) for key in found["mismatched_keys"] if str(key[0]).startswith(body))
    if misfits:
        raise BundleError(f"{folder}: sizes in config.json differ from the weights: {', '.join(misfits)}; fetch both")
    missing = sorted(key for key in found["missing_keys"] if key.startswith(body))
    if missing:
        log.warning("%s: not in the checkpoint, so trained from scratch: %s", folder, ", ".join(missing))


@contextmanager
def _silent_loading() -> Iterator[None]:
    """Keep transformers from warning about a head that is missing, which is replaced anyway."""
    reporting = logging.getLogger("transformers")
    before = reporting.level
    reporting.setLevel(logging.ERROR)
    try:
        yield
    finally:
        reporting.setLevel(before)


def _set_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    model.config.pad_token_id = tokenizer.pad_token_id


def _adapted(model: PreTrainedModel, lora: Lora) -> Any:
    from peft import LoraConfig, TaskType, get_peft_model

    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules="all-linear",
        ),
    )

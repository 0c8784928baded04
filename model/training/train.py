"""Fine-tunes any Hugging Face base, single stage, with the Trainer."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)
from transformers.utils.logging import disable_progress_bar

from model.errors import WorkshopError
from model.training.base import load_base
from model.training.batches import ByLength, Collator, Rows
from model.training.calibrate import softmax
from model.training.data import Labelled
from model.training.heads import known_by
from model.training.metrics import Flags, Floats, auc, average_precision, classes_of, macro_f1
from model.training.outputs import Known, Outputs, outputs_for, row_weights
from model.training.precision import cpu_computes_bf16
from model.training.progress import ShowProgress
from model.training.resume import last_checkpoint
from model.training.settings import ADAPTERS_RATE, Mixed, TrainingSettings, suited_rate
from schemas.taxonomy import Taxonomy

if TYPE_CHECKING:
    from peft import PeftModel

# Only partly typed in transformers.
_quiet: Callable[[], None] = disable_progress_bar

_SMALLER_IS_BETTER: Final = frozenset(["loss"])
_WAIT: Final = timedelta(hours=6)
"""How long processes wait for each other: between two trainings only the leader measures."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network, with its logits on the development set."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    outputs: Outputs
    known: Known
    """What its base said before."""
    dev_logits: Floats
    history: list[dict[str, float]]
    """The Trainer's log, one entry per logged step and per evaluation."""
    learning_rate: float = 0.0
    """The highest of the run."""
    leads: bool = True
    """Whether this process writes the output, if several train together."""


class PartialLabelTrainer(Trainer):
    """Learns from labels that stand for one or several outputs.

    The loss of a row is ``-log(sum of its allowed outputs' probabilities)``, smoothed, times the row's weight.
    With one allowed output it is cross-entropy.
    """

    def __init__(self, *, label_smoothing: float, train_dataset: Rows, **arguments: Any) -> None:
        super().__init__(train_dataset=train_dataset, **arguments)
        self._smoothing = label_smoothing
        self._lengths = train_dataset.lengths

    def _get_train_sampler(self, train_dataset: object = None) -> ByLength:
        """Return the order of the training rows; see ``ByLength``."""
        together = self.args.train_batch_size * self.args.world_size
        return ByLength(self._lengths, together, self.args.seed)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - the Trainer's signature
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the loss of a batch; see the class."""
        allowed, weight = inputs.pop("labels"), inputs.pop("weight")
        outputs = model(**inputs)
        logs = torch.log_softmax(outputs.logits.float(), dim=-1)
        surprise = -torch.logsumexp(logs.masked_fill(~allowed.bool(), -torch.inf), dim=-1)
        smoothed = (1 - self._smoothing) * surprise - self._smoothing * logs.mean(dim=-1)
        loss = (smoothed * weight).sum() / weight.sum().clamp(min=1e-6)
        return (loss, outputs) if return_outputs else loss


def train(
    settings: TrainingSettings, taxonomy: Taxonomy, learn: Labelled, dev: Labelled, work: Path | None = None
) -> Trained:
    """Fine-tune.  Blocks for as long as training takes; progress on standard error.

    With ``work`` the run keeps its checkpoints there and resumes from the last complete one; ``resume.claim`` checks
    that they are of this run.  Processes that a launcher started train together; each gets the logits of all
    development lines.

    Raises:
        BundleError: the base is unsafe or unknown, or its tokenizer is slow and cannot be converted.
        WorkshopError: ``work`` has checkpoints of another network, or damaged ones, or another process does not see it.
    """
    with tempfile.TemporaryDirectory(prefix="chatwarden-") as scratch:
        return _train(settings, taxonomy, learn, dev, work or Path(scratch))


def _train(settings: TrainingSettings, taxonomy: Taxonomy, learn: Labelled, dev: Labelled, work: Path) -> Trained:
    _quiet()
    known = known_by(settings.base)
    outputs = outputs_for(learn.targets, taxonomy, known)
    torch.manual_seed(settings.seed)
    model, tokenizer = load_base(settings, outputs, known)
    collator = Collator(tokenizer, settings.max_tokens)
    rate = _rate(settings, model)
    arguments = _arguments(settings, rate, work)
    arguments.output_dir = str(_shared(work, arguments.world_size))
    steps = -(-len(learn) // (settings.batch_size * arguments.world_size))
    arguments.warmup_steps = round(settings.warmup * steps * settings.epochs)
    arguments.logging_steps = max(1, steps // 10)
    developed = _rows(dev, outputs, settings, disguised=0.0)
    trainer = PartialLabelTrainer(
        label_smoothing=settings.label_smoothing,
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=_rows(learn, outputs, settings, disguised=settings.disguised),
        eval_dataset=developed,
        compute_metrics=_Measures(dev, outputs, taxonomy),
        callbacks=[EarlyStoppingCallback(settings.patience), ShowProgress(settings.metric)],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_checkpoint(Path(arguments.output_dir))
    try:
        trainer.train(resume_from_checkpoint=last)
    except (ValueError, RuntimeError, FileNotFoundError, EOFError, UnpicklingError, SafetensorError) as exc:
        if last is None:
            raise
        raise WorkshopError(f"{work}: cannot resume: {exc}; name another folder or remove it") from exc
    logits = np.asarray(trainer.predict(developed).predictions, dtype=np.float64)
    history = list(trainer.state.log_history)
    return Trained(_merged(model), tokenizer, outputs, known, logits, history, rate, trainer.is_world_process_zero())


def _shared(work: Path, processes: int) -> Path:
    """Return the leader's folder of checkpoints, from which every process loads the best epoch."""
    if processes == 1:
        return work
    told = [str(work)]
    torch.distributed.broadcast_object_list(told)
    shared = Path(told[0])
    if not shared.is_dir():
        raise WorkshopError(f"{shared}: not seen by every process; give --work, a folder that all machines share")
    return shared


@torch.inference_mode()
def predict(trained: Trained, texts: Sequence[str], max_tokens: int, batch: int = 128) -> Floats:
    """Return a trained network's logits for canonical texts, [texts, outputs]."""
    model = trained.model
    model.train(mode=False)
    found = []
    for start in range(0, len(texts), batch):
        encoded = trained.tokenizer(
            list(texts[start : start + batch]),
            truncation=True,
            max_length=max_tokens,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        ).to(model.device)
        found.append(
            model(encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits.double().cpu().numpy()
        )
    logits: Floats = np.concatenate(found)
    return logits


def _merged(model: "PreTrainedModel | PeftModel") -> PreTrainedModel:
    if isinstance(model, PreTrainedModel):
        return model
    merged: PreTrainedModel = model.merge_and_unload()
    return merged


def _rows(data: Labelled, outputs: Outputs, settings: TrainingSettings, *, disguised: float) -> Rows:
    weights = row_weights(data.targets, settings.class_weights)
    return Rows(data.texts, outputs.allowed(data.targets), weights, disguised)


def _rate(settings: TrainingSettings, model: "PreTrainedModel | PeftModel") -> float:
    if settings.learning_rate is not None:
        return settings.learning_rate
    return suited_rate(model.num_parameters()) if isinstance(model, PreTrainedModel) else ADAPTERS_RATE


def _precision(mixed: Mixed) -> Mixed:
    """Resolve ``auto`` for this machine; other values are returned unchanged."""
    if mixed != "auto":
        return mixed
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if cpu_computes_bf16() else "off"


def _arguments(settings: TrainingSettings, rate: float, work: Path) -> TrainingArguments:
    cuda = torch.cuda.is_available()
    mixed = _precision(settings.mixed)
    return TrainingArguments(
        output_dir=str(work),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size * 4,
        num_train_epochs=settings.epochs,
        learning_rate=rate,
        weight_decay=settings.weight_decay,
        bf16=mixed == "bf16",
        fp16=mixed == "fp16",
        use_cpu=not cuda,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=settings.metric,
        greater_is_better=settings.metric not in _SMALLER_IS_BETTER,
        label_names=["labels"],
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        seed=settings.seed,
        dataloader_pin_memory=cuda,
        ddp_timeout=round(_WAIT.total_seconds()),
    )


class _Measures:
    """The Trainer's metrics after each epoch, on the development set."""

    def __init__(self, dev: Labelled, outputs: Outputs, taxonomy: Taxonomy) -> None:
        self._classes = classes_of(dev.targets, taxonomy)
        self._outputs = outputs
        self._categories = len(taxonomy.names)

    def __call__(self, prediction: EvalPrediction) -> Mapping[str, float]:
        shares = softmax(np.asarray(prediction.predictions, dtype=np.float64))
        scores = self._outputs.spread(shares, self._categories)
        toxic: Flags = self._classes.toxic
        ranked = self._classes.toxic_scores(scores)
        return {
            "average_precision": average_precision(toxic, ranked),
            "auc": auc(toxic, ranked),
            "macro_f1": macro_f1(self._classes.truth, self._classes.scores(scores).argmax(axis=1)),
        }

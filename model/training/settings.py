"""Settings of a training run; the defaults measured best or are the safest."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.bundle import DEFAULT_BUNDLE, Share
from model.errors import WorkshopError

ADAPTERS_RATE: Final = 2e-4
"""Learning rate of adapters; source: Hu et al. 2021, appendix D."""
_LIKE_BERT: Final = (110_000_000, 5e-5)
"""Parameters of BERT's base model, and the learning rate it is fine-tuned with; source: Devlin et al. 2019, A.3."""
_HIGHEST: Final = 3e-4
MOST_REPEATS: Final = 20
"""Own lines are repeated at most this often beside public ones, so that they carry weight."""

Mixed = Literal["auto", "off", "bf16", "fp16"]
Metric = Literal["average_precision", "auc", "macro_f1", "loss"]


class Lora(BaseModel):
    """Low-rank adapters, merged into the weights at the end; for decoders, which are too large to train in full."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: Annotated[int, Field(ge=1, le=256)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    dropout: Share = 0.05


class TrainingSettings(BaseModel):
    """One run.  The seed fixes the split, the order, the disguises and the new weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = str(DEFAULT_BUNDLE)
    """Hub name or folder of a checkpoint or bundle.  By default the bundle that ships with the product."""
    epochs: Annotated[float, Field(gt=0, le=1_000)] = 4
    batch_size: Annotated[int, Field(ge=1, le=4_096)] = 32
    learning_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Highest learning rate; None chooses by the network's size (``suited_rate``), or 2e-4 for adapters."""
    weight_decay: Share = 0.01
    warmup: Share = 0.06
    max_tokens: Annotated[int, Field(ge=4, le=8_192)] = 64
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.03
    class_weights: Literal["none", "root", "balanced"] = "none"
    """Weigh classes by the inverse of their frequency, its root, or not at all.

    Weights raise the recall of rare classes, and with it every score of them: the probabilities no longer hold.
    """
    disguised: Share = 0.3
    """Share of training texts that are disguised, anew in each epoch."""
    dev: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    test: Annotated[float, Field(gt=0, lt=0.5)] = 0.2
    metric: Metric = "average_precision"
    """Metric on the development set that selects the best epoch and stops the run early."""
    patience: Annotated[int, Field(ge=1)] = 2
    precision: Share = 0.9
    """Target precision of the suggested thresholds."""
    mixed: Mixed = "auto"
    """Mixed precision; auto is bf16 on a GPU or CPU that supports it, fp16 on another GPU, off on another CPU."""
    lora: Lora | None = None
    """None trains the whole network; decoders always get adapters."""
    own_repeats: Annotated[int, Field(ge=1, le=100)] | None = None
    """How often own lines are repeated per epoch; None repeats them beside more public ones (``repeats``)."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 7

    def repeats(self, own: int, public: int) -> int:
        """How often own lines are repeated: as set, or until they are about as many as the public ones."""
        return self.own_repeats or max(1, min(MOST_REPEATS, public // max(own, 1)))

    @classmethod
    def read(cls, path: Path | None, given: dict[str, Any]) -> Self:
        """Read a TOML file of settings; explicit values take precedence, None means not given.

        Raises:
            WorkshopError: the file is unreadable, or a key is unknown or has a wrong value; names it.
        """
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8")) if path else {}
            return cls.model_validate(document | {key: value for key, value in given.items() if value is not None})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise WorkshopError(f"{path}: {exc}") from exc
        except ValidationError as exc:
            raise WorkshopError(f"{path or 'options'}: {_faults(exc)}") from exc


def suited_rate(parameters: int) -> float:
    """Return a learning rate for training a whole network of so many parameters.

    BERT's, times the root of how much smaller the network is.  For the shipped bundle's 5.6 million that is 2.2e-4;
    of 5e-5, 2e-4 and 4e-4 it learned best from 1,000 and 3,000 lines with 2e-4.
    """
    size, rate = _LIKE_BERT
    return min(_HIGHEST, float(f"{rate * (size / parameters) ** 0.5:.2g}"))


def _faults(exc: ValidationError) -> str:
    """One line per fault: the key and the reason."""
    told = []
    for fault in exc.errors(include_url=False, include_context=False, include_input=False):
        *around, name = map(str, fault["loc"])
        said = fault["msg"]
        if fault["type"] == "extra_forbidden":
            near = get_close_matches(name, Lora.model_fields if around else TrainingSettings.model_fields, 1)
            said = f"unknown setting; did you mean {near[0]}?" if near else "unknown setting"
        told.append(f"{'.'.join([*around, name])}: {said}")
    return "; ".join(told)

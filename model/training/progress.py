"""Progress of a training run, on standard error."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class ShowProgress(TrainerCallback):
    """A progress bar, or lines without a terminal, and one line per evaluation."""

    def __init__(self, metric: str) -> None:
        self._metric = f"eval_{metric}"
        console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=console, transient=True)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Show the bar."""
        if state.is_world_process_zero:
            self._progress.start()
            self._task = self._progress.add_task("training", total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar."""
        if state.is_world_process_zero:
            self._progress.update(self._task, completed=state.global_step)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Report progress if no bar is shown."""
        logs: dict[str, float] = given.get("logs") or {}
        if state.is_world_process_zero and "loss" in logs and not self._progress.console.is_terminal:
            self._progress.console.print(f"step {state.global_step} of {state.max_steps}: loss {logs['loss']:.4f}")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **given: Any,
    ) -> None:
        """Report the evaluation."""
        metrics: dict[str, float] = given.get("metrics") or {}
        if state.is_world_process_zero and self._metric in metrics:
            name = self._metric.removeprefix("eval_").replace("_", " ")
            self._progress.console.print(f"epoch {state.epoch or 0:.1f}: {name} {metrics[self._metric]:.4f}")

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remove the bar."""
        self._progress.stop()

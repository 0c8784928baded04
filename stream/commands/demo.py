"""``chatwarden demo``: the whole pipeline on generated chat, no servers, live in the terminal."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names

if TYPE_CHECKING:
    from rich.console import Console

    from stream.demo import Demo


def demo(
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds of chat.")] = 20.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Messages a second.")] = 300.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same chat.")] = 1,
    model: Model = None,
    policy: PolicyFile = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Judge a generated chat stream and watch the verdicts; no servers, no set-up.

    Every message goes the way that it goes in production: decoded, normalised, put to rules, gate and classifier,
    decided by the policy.  In the end: counts by action and by who answered, throughput, latency.

    Exit codes: 0 done · 2 usage or configuration · 75 the classifier is down · 130 interrupted.
    """
    import time
    from datetime import UTC, datetime

    from rich.console import Console

    from model.classifier import ClassifierDown
    from stream import wiring
    from stream.chatter.generate import Chatter, Pace
    from stream.demo import Demo
    from stream.demo_view import closing
    from stream.errors import TransportError
    from stream.interrupts import Interrupted, Interrupts
    from stream.settings import load_settings

    overrides = {"model.bundle": model, "policy.path": policy, "pipeline.resolvers": resolver_names(resolvers)}
    settings = load_settings(config, overrides)
    console = Console()
    console.print("loading the rules and the model …", style="dim")
    judge = wiring.judge(settings, lambda: datetime.now(UTC))
    run = Demo(judge, Chatter(seed), Pace(rate, duration), time.monotonic, settings.pipeline.chunk_size)
    exit_code = 0
    with Interrupts() as interrupts:
        try:
            _show(run, console, lambda seconds: interrupts.wait(lambda: time.sleep(seconds)))
        except ClassifierDown as exc:
            raise TransportError(f"the classifier is down: {exc}") from exc
        except Interrupted as exc:
            exit_code = exc.exit_code
    console.print(closing(run.progress), highlight=False, soft_wrap=True)
    raise typer.Exit(exit_code)


def _show(run: "Demo", console: "Console", rest: Callable[[float], None]) -> None:
    """Run the demo with the view that fits the output."""
    import sys
    import time
    from datetime import UTC, datetime

    from rich.live import Live

    from stream.demo_view import LiveView, PlainView

    if not console.is_terminal:
        run.run(PlainView(sys.stdout, time.monotonic), datetime.now(UTC), rest)
        return
    with Live(console=console, refresh_per_second=12) as live:
        run.run(LiveView(console, live), datetime.now(UTC), rest)

"""``chatwarden demo``: the whole pipeline on generated chat, live in the terminal, without servers."""

from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names

if TYPE_CHECKING:
    from rich.console import Console

    from stream.demo import Demo
    from stream.settings import Settings


def demo(
    duration: Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds of chat.")] = 20.0,
    rate: Annotated[float, typer.Option(min=0.1, max=1e6, help="Messages per second.")] = 300.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same chat.")] = 1,
    model: Model = None,
    policy: PolicyFile = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Judge a generated chat stream and watch the verdicts; no servers, no set-up.

    Every message takes the same path as in production: decoded, normalised, scored by rules, gate and classifier,
    decided by the policy.  Prints counts by action and by resolver, throughput and latency at the end.

    Exit codes: 0 done · 2 usage or configuration · 75 the classifier is down · 130 interrupted.
    """
    from rich.console import Console

    from stream.demo_view import closing
    from stream.settings import load_settings

    overrides = {"model.bundle": model, "policy.path": policy, "pipeline.resolvers": resolver_names(resolvers)}
    settings = load_settings(config, overrides)
    console = Console()
    console.print("loading the rules and the model …", style="dim")
    run = _build(settings, seed, rate, duration)
    exit_code = _show(run, console)
    console.print(closing(run.progress), highlight=False, soft_wrap=True)
    raise typer.Exit(exit_code)


def _build(settings: "Settings", seed: int, rate: float, duration: float) -> "Demo":
    import time
    from datetime import UTC, datetime

    from stream import wiring
    from stream.chatter.generate import Chatter, Pace
    from stream.demo import Demo

    judge = wiring.judge(settings, lambda: datetime.now(UTC))
    return Demo(judge, Chatter(seed), Pace(rate, duration), time.monotonic, settings.pipeline.chunk_size)


def _show(run: "Demo", console: "Console") -> int:
    """Run the demo with the view that fits the output; return the exit code."""
    import sys
    import time
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from rich.live import Live

    from model.classifier import ClassifierDown
    from stream.demo_view import LiveView, PlainView
    from stream.errors import TransportError
    from stream.interrupts import Interrupted, Interrupts

    live = Live(console=console, refresh_per_second=12) if console.is_terminal else None
    view = LiveView(console, live) if live else PlainView(sys.stdout, time.monotonic)
    try:
        with Interrupts() as interrupts, live or nullcontext():
            run.run(view, datetime.now(UTC), lambda seconds: interrupts.wait(lambda: time.sleep(seconds)))
    except ClassifierDown as exc:
        raise TransportError(f"the classifier is down: {exc}") from exc
    except Interrupted as exc:
        return exc.exit_code
    return 0

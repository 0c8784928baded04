"""``chatwarden archive``: topic ranges as Parquet, so that history outlives retention; players can be erased."""

from pathlib import Path
from typing import Annotated

import typer

from stream.commands import backtest_options as options
from stream.commands.options import Config
from stream.errors import ConfigError

app = typer.Typer(invoke_without_command=True)

Root = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="The archive: a folder, or a URL such as s3://bucket/chat.")
]


@app.callback()
def archive(
    context: typer.Context,
    *,
    topic: options.Topic = None,
    since: options.From = None,
    until: options.To = None,
    output: Root = "archive",
    config: Config = None,
) -> None:
    """Write a range of a topic (events or verdicts) to partitioned Parquet that `backtest --input` reads.

    What is already archived is not read again, so the same command, run daily or after an interruption, continues where
    it stopped. Malformed records are kept unchanged, with the cause.

    Exit codes: 0 done · 2 usage or configuration · 74 the archive cannot be written · 75 Kafka is unavailable ·
    77 records were deleted before they were read · 130 or 143 interrupted.
    """
    if context.invoked_subcommand is not None:
        return
    if topic is None:
        raise ConfigError("give --topic")
    _write(topic, (since, until), output, config)


def _write(topic: str, times: tuple[str | None, str | None], output: str, config: Path | None) -> None:
    import sys
    import time

    from stream.interrupts import Interrupts
    from stream.replay.archive.write import Archive, event_row, verdict_row
    from stream.replay.extras import check_extras
    from stream.replay.history.topic import spans
    from stream.replay.progress import Meter
    from stream.replay.request import address, milliseconds
    from stream.settings import load_settings

    check_extras()
    settings = load_settings(config)
    where = address(settings, topic)
    with Interrupts() as interrupts:
        found = spans(where, milliseconds("--from", times[0]), milliseconds("--to", times[1]))
        kept = Archive(output)
        left = kept.left(topic, found)
        total = sum(high - low for low, high in found.values())
        meter = Meter(sys.stderr, time.monotonic, "archived", total, total - sum(stretch.weight for stretch in left))
        as_row = verdict_row if topic == settings.topics.verdicts else event_row
        interrupts.wait(lambda: kept.write(where, left, as_row, meter.done))
        meter.finish()


@app.command()
def erase(
    root: Annotated[str, typer.Argument(metavar="DIR", help="The archive.")],
    *,
    player: Annotated[
        list[str] | None, typer.Option("--player", metavar="ID", help="A player's id. May be given several times.")
    ] = None,
    players: Annotated[
        Path | None, typer.Option("--players", metavar="FILE", help="A file with a player's id per line.")
    ] = None,
) -> None:
    """Erase players from an archive: events, verdicts, and malformed records that contain their id.

    Reports (flips.parquet …) are not touched; delete those yourself.

    Exit codes: 0 done, nothing of them is left · 2 usage, or no archive there · 74 a file cannot be read or written
    (run it again).
    """
    from stream.replay.archive.erase import erase as erase_players
    from stream.replay.archive.write import Archive

    wanted = {*(player or ()), *(_lines(players) if players is not None else ())}
    if not wanted:
        raise ConfigError("name whom to erase: --player ID or --players FILE")
    if not all(map(str.strip, wanted)):
        raise ConfigError("--player and --players: an id is empty or blank, which malformed records contain by chance")
    with typer.progressbar(length=1, label="files looked at", file=typer.get_text_stream("stderr")) as bar:

        def looked(number: int, count: int) -> None:
            bar.length = count
            bar.update(1)

        erased = erase_players(Archive(root), wanted, looked)
    if not erased.looked_at:
        raise ConfigError(f"{root}: not an archive, so nothing was erased; name what `archive --output` wrote")
    typer.echo(f"{erased.rows:,} records erased from {erased.files:,} of {erased.looked_at:,} files", err=True)


def _lines(path: Path) -> list[str]:
    """Read lines.  Only a line feed ends one; other line separators may be part of an id."""
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").split("\n") if line]
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"--players {path}: {exc}") from exc

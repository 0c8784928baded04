"""``chatwarden policy``: test a rule pack on its examples; show which verdicts a change would alter."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from stream.commands.options import Config, Model, resolver_names
from stream.errors import ConfigError, FileError, LimitsExceeded

app = typer.Typer(no_args_is_help=True, help="Test rule packs; compare policies.")


@app.command()
def test(
    packs: Annotated[
        list[str],
        typer.Argument(metavar="PACK...", help="Folders, or names of shipped packs (default, moba …)."),
    ],
) -> None:
    """Run the examples of packs: those of every rule, and the whole messages in examples.jsonl.

    Exit codes: 0 all as expected · 1 an example fails · 2 a pack cannot be used (names file, line, rule and reason).
    """
    from model.pack_files import PackError
    from model.rules import pack_folder
    from model.rules_check import check_pack

    missed = 0
    for name in packs:
        try:
            report = check_pack(pack_folder(name))
        except PackError as exc:
            raise ConfigError(str(exc)) from exc
        for miss in report.misses:
            typer.echo(f"{miss.place}: {miss.reason}")
        typer.echo(f"{report.pack}: {report.checked} examples, {len(report.misses)} missed", err=True)
        missed += len(report.misses)
    if missed:
        raise LimitsExceeded(f"{missed} examples missed; fix the rules above, or the examples if they are wrong")


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Policy file, or folder or name of a rule pack.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new one, of the same kind.")],
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="JSON Lines of chat events.")],
    model: Model = None,
    resolvers: Annotated[
        str,
        typer.Option("--resolvers", metavar="LIST", help="Resolvers; never the gate, which depends on the policy."),
    ] = "rules,classifier",
    max_changed: Annotated[
        float,
        typer.Option("--max-changed", min=0, max=1, metavar="SHARE", help="Maximum share of verdicts that may change."),
    ] = 1.0,
    config: Config = None,
) -> None:
    """Show which verdicts a change of policy or rule pack would alter, one line each, and how many of each kind.

    Lines contain event ids, actions, categories and rules, but no chat text.

    Exit codes: 0 done · 1 more changed than --max-changed · 2 usage or configuration · 74 EVENTS cannot be read.
    """
    from stream.policy_diff import compare, sides

    overrides = {"model.bundle": model, "pipeline.resolvers": resolver_names(resolvers)}
    with _reading(events) as lines:
        before, after = sides(old, new, overrides, config)
        comparison = compare(lines, before, after, lambda change: typer.echo(change.line()))
    for line in comparison.summary():
        typer.echo(line, err=True)
    if comparison.share > max_changed:
        raise LimitsExceeded(f"{comparison.share:.2%} of verdicts change; at most {max_changed:.2%} may")


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[bytes]]:
    """Open a file and yield its lines; raises FileError for this file only, whatever else fails meanwhile."""
    try:
        file = path.open("rb")
    except OSError as exc:
        raise FileError(f"{path}: {exc.strerror}") from exc
    with file:
        yield _lines(file, path)


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the lines, without the byte order mark that the first may begin with."""
    try:
        yield file.readline().removeprefix(codecs.BOM_UTF8)
        yield from file
    except OSError as exc:
        raise FileError(f"{path}: {exc.strerror}") from exc

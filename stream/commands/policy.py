"""``chatwarden policy``: try a rule pack on its examples; see which verdicts a change would change."""

from typing import Annotated

import typer

from stream.errors import ConfigError, LimitsExceeded

app = typer.Typer(no_args_is_help=True, help="Test rule packs; compare policies.")


@app.command()
def test(
    packs: Annotated[
        list[str],
        typer.Argument(metavar="PACK...", help="Folders, or names of shipped packs (default, moba …)."),
    ],
) -> None:
    """Run the examples that packs carry: those of every rule, and whole messages in examples.jsonl.

    Exit codes: 0 all come out as they say · 1 a miss · 2 a pack cannot be used (file, line, rule and reason are named).
    """
    from model.rules import pack_folder
    from model.rules_check import check_pack
    from model.rules_pack import PackError

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
        raise LimitsExceeded(f"{missed} examples missed; mend the rules above, or the examples if they are wrong")

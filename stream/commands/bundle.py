"""``chatwarden bundle``: make a bundle from any checkpoint, and verify one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from stream.errors import ConfigError

Precision = Literal["float32", "float16", "bfloat16"]

app = typer.Typer(no_args_is_help=True, help="Make a bundle from a checkpoint, or verify one.")


@app.command()
def make(
    checkpoint: Annotated[str, typer.Argument(help="Folder or hub name of a sequence-classification checkpoint.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The bundle; must not exist.")],
    taxonomy: Annotated[Path, typer.Option("--taxonomy", metavar="FILE", help="Your categories (TOML).")],
    labels: Annotated[
        Path, typer.Option("--labels", metavar="FILE", help='TOML: [labels] LABEL = "category", unused = ["LABEL"].')
    ],
    name: Annotated[str | None, typer.Option(help="The bundle's name; the folder's name by default.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longer texts are read in windows of this many tokens.")] = 64,
    temperature: Annotated[float, typer.Option(help="Divides the logits; above 1, scores are less confident.")] = 1.0,
    precision: Annotated[Precision, typer.Option(help="Precision of the stored weights.")] = "float16",
) -> None:
    """Make a bundle from a Hugging Face checkpoint.  Reads safetensors only and runs no code from it.

    Exit codes: 0 done · 2 the checkpoint, taxonomy or label map cannot be used · 74 a file cannot be read or written.
    """
    from pydantic import ValidationError

    from model.bundle import Description
    from model.checkpoint import make_bundle, origin
    from schemas.faults import faults
    from schemas.taxonomy import Taxonomy
    from stream.commands.output_map import OutputMap
    from stream.commands.workshop import translated

    with translated():
        try:
            description = Description(
                name=name or output.name,
                taxonomy=Taxonomy.from_toml(taxonomy),
                labels=OutputMap.from_toml(labels).by_label(),
                temperature=temperature,
                max_tokens=max_tokens,
                training={"base": origin(checkpoint)},
            )
        except ValidationError as exc:
            raise ConfigError(faults(exc)) from exc
        typer.echo(f"reading {checkpoint}", err=True)
        bundle = make_bundle(checkpoint, output, description, precision)
    verify(bundle.path)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")],
    digest: Annotated[str | None, typer.Option(help="Fail unless the bundle has this digest.")] = None,
) -> None:
    """Check every file of a bundle against its digest and refuse unsafe or unknown files.  Does not load the network.

    Exit codes: 0 valid · 2 refused, with the file and how to fix it.
    """
    from model.bundle import bundle_digest, load_bundle
    from stream.commands.workshop import translated

    with translated():
        loaded = load_bundle(bundle)
    found = bundle_digest(loaded)
    if digest is not None and digest != found:
        raise ConfigError(f"{bundle}: its digest is {found}, not {digest}; it is another bundle")
    size = sum(entry.size for entry in loaded.manifest.files.values())
    categories = ", ".join(loaded.taxonomy.names)
    typer.echo(f"{bundle}: valid\nname        {loaded.manifest.name}\ndigest      {found}")
    typer.echo(f"files       {len(loaded.manifest.files)}, {size:,} bytes\ncategories  {categories}")

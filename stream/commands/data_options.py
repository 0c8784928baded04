"""Options about labelled data that the workshop's commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model.training.data import Columns
    from schemas.taxonomy import Taxonomy

TaxonomyFile = Annotated[
    Path | None, typer.Option("--taxonomy", metavar="FILE", help="Your categories (TOML); by default the shipped ones.")
]
LabelMapFile = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="What your labels mean (TOML); not needed if they are categories."),
]
TextColumn = Annotated[str, typer.Option(help="Column with the message.")]
LabelColumn = Annotated[str, typer.Option(help="Column with the label.")]
MatchColumn = Annotated[
    str | None,
    typer.Option(help="Column with the match: lines of one match never end up in both training and held-out data."),
]
DataFolder = Annotated[
    Path | None, typer.Option("--public", metavar="DIR", help="Folder with public sets, under the names in docs.")
]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The options as given."""

    taxonomy: Path | None
    labels: Path | None
    text: str
    label: str
    match: str | None = None
    lang: str | None = None

    def categories(self) -> "Taxonomy":
        """Read the taxonomy; the default one if none is given."""
        from model.training.labels import DEFAULT_TAXONOMY
        from schemas.taxonomy import Taxonomy

        return Taxonomy.from_toml(self.taxonomy or DEFAULT_TAXONOMY)

    def columns(self) -> "Columns":
        """Name the columns."""
        from model.training.data import Columns

        return Columns(self.text, self.label, self.match, self.lang)

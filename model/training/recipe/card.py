"""The model card of the default bundle, its figures filled in by the recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from model.training.recipe.measure import Figures
from model.training.recipe.report import table

LICENCES: Final[Mapping[str, str]] = {
    "gametox": "no licence file in the repository (Naseem et al., NAACL 2025)",
    "conda": "no licence file in the repository (Weld et al., ACL Findings 2021)",
    "twitch": "no licence file in the repository (github pl2599/GGWP-Toxic-Behavior)",
    "jigsaw": "labels CC0, text CC BY-SA 3.0 (Jigsaw/Kaggle 2018)",
    "olid": "terms unstated (Zampieri et al. 2019)",
    "davidson": "MIT (Davidson et al. 2017)",
    "surge": "MIT (github surge-ai/toxicity)",
    "hatemoji": "CC BY 4.0 (Kirk et al. 2022)",
    "hatecheck": "CC BY 4.0 (Röttger et al. 2021)",
    "madlibs": "Apache-2.0 (Dixon et al. 2018)",
    "own": "Apache-2.0 (this repository)",
    "groups": "Apache-2.0 (this repository)",
}

TITLE: Final = "Chatwarden compact bundle"
TEMPLATE: Final = Path(__file__).with_name("card.md")


def write(figures: Figures, others: Mapping[str, Figures], facts: Mapping[str, object]) -> str:
    """Return the card; ``facts`` are the bundle's own (parameters, layers, sources, …)."""
    sources = facts["sources"]
    if not isinstance(sources, Mapping):
        raise TypeError("sources must map a set's name to the number of its training examples")
    listed = "\n".join(f"- {name}: {number:,} examples. {LICENCES[name]}" for name, number in sources.items())
    evasion = ", ".join(
        f"{name.removeprefix('evasion.')} {value:.2f}"
        for name, value in figures.items()
        if name.startswith("evasion.") and not name.endswith(("_alarms", "worst", "mean"))
    )
    short = {
        name.partition(".")[2]: value
        for name, value in figures.items()
        if ".f1_" in name and not name.endswith(("_low", "_high"))
    }
    return TEMPLATE.read_text(encoding="utf-8").format(
        **{"title": TITLE} | {name: value for name, value in facts.items() if name != "sources"},
        **short,
        sources=listed,
        evasion=evasion,
        table=table({**others, "this bundle": figures}),
        strict_auc=figures["gametox.strict_auc"],
        strict_ap=figures["gametox.strict_ap"],
        hatecheck=figures["hatecheck.right"],
        counter_speech=figures["hatecheck.counter_speech"],
        policy_gametox=_policy(figures, "gametox"),
        policy_conda=_policy(figures, "conda"),
    )


def _policy(figures: Figures, game: str) -> tuple[float, float]:
    return figures[f"{game}.policy_precision"], figures[f"{game}.policy_recall"]

"""Limits: the maximum changes and minimum quality with which a backtest passes."""

from typing import Any, Final, NamedTuple, Self

from stream.errors import ConfigError

Document = dict[str, Any]

QUALITY: Final = ("precision", "recall", "f1", "auc")
"""What is measured against labels."""


class Flips(NamedTuple):
    """Maximum flips: a number of events, or a share of those compared."""

    number: int | None
    share: float | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``250`` or ``0.5%``.

        Raises:
            ConfigError: it is neither.
        """
        refusal = ConfigError(f"--max-flips {text}: give a number of events (250) or a share of them (0.5%)")
        try:
            if text.endswith("%"):
                found = cls(None, float(text[:-1]) / 100)
            else:
                found = cls(int(text.replace(",", "").replace("_", "")), None)
        except ValueError as exc:
            raise refusal from exc
        if not ((found.number or 0) >= 0 and 0 <= (found.share or 0) <= 1):
            raise refusal
        return found


class Limits(NamedTuple):
    """None means no limit."""

    max_flips: Flips | None = None
    max_newly_flagged_players: int | None = None
    max_newly_blocked_players: int | None = None
    min_precision: float | None = None
    min_recall: float | None = None
    min_f1: float | None = None
    min_auc: float | None = None
    min_compared: float | None = None

    def check_labels(self, labelled: bool) -> None:  # noqa: FBT001 - a fact, not a mode
        """Refuse quality limits without labels.

        Raises:
            ConfigError: labels or reviews are needed.
        """
        asked = [name for name in QUALITY if getattr(self, f"min_{name}") is not None]
        if asked and not labelled:
            raise ConfigError(
                f"--min-{asked[0]} needs labels: give --labels FIELD, --reviews or --baseline labels:FIELD"
            )

    def checked(self, document: Document) -> list[Document]:
        """Return each given limit, with the measured value and whether it is met."""
        found: list[Document] = []
        players = document["players"]
        totals = document["totals"]
        if self.max_flips is not None:
            by_share = self.max_flips.share is not None
            limit, value = (
                (self.max_flips.share, totals["flip_share"]) if by_share else (self.max_flips.number, totals["flips"])
            )
            found.append(_at_most("max_flips", limit or 0, value or 0))
        for name, key in (
            ("max_newly_flagged_players", "newly_flagged"),
            ("max_newly_blocked_players", "newly_blocked"),
        ):
            limit = getattr(self, name)
            if limit is not None:
                found.append(_at_most(name, limit, players[key]))
        for name in QUALITY:
            limit = getattr(self, f"min_{name}")
            if limit is not None:
                found.append(
                    _at_least(f"min_{name}", limit, (document["quality"] or {}).get("candidate", {}).get(name))
                )
        if self.min_compared is not None:
            share = totals["compared"] / totals["events"] if totals["events"] else None
            found.append(_at_least("min_compared", self.min_compared, share))
        return found


def _at_most(name: str, limit: float, value: float) -> Document:
    return {"name": name, "limit": limit, "found": value, "met": value <= limit}


def _at_least(name: str, limit: float, value: float | None) -> Document:
    return {"name": name, "limit": limit, "found": value, "met": value is not None and value >= limit}


def missed(checked: list[Document]) -> str | None:
    """Describe the missed limits; None if all are met."""
    lines = [
        f"{each['name']}: {'not known' if each['found'] is None else each['found']} (limit {each['limit']})"
        for each in checked
        if not each["met"]
    ]
    return "limits missed: " + "; ".join(lines) if lines else None

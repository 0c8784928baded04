"""Floors of recorded verdicts: the mildest action that the rules they name leave open.

Verdicts carry the ids of the rules that matched, not the floor itself; the packs say what a rule of that id does.
"""

from collections.abc import Mapping

import numpy as np

from model.resolver import Floor
from model.rules import Pack
from schemas.taxonomy import Taxonomy
from stream.replay.history.columns import Codes
from stream.replay.history.events import Events
from stream.replay.history.recorded import Fact, Recorded
from stream.replay.judging.opinions import NO_FLOOR


class Floors:
    """Floors by rule pack.  ``by_game`` names the pack of games with their own."""

    def __init__(self, packs: Mapping[str, Pack], by_game: Mapping[str, str], taxonomy: Taxonomy) -> None:
        self._severities = dict(zip(taxonomy.names, taxonomy.severities, strict=True))
        self._places = {name: place for place, name in enumerate(taxonomy.names)}
        self._by_game = by_game
        self._rules = {
            name: {rule.id: (order, rule) for order, rule in enumerate(pack.rules)} for name, pack in packs.items()
        }

    def of(self, recorded: Recorded, events: Events) -> tuple[list[Floor], Codes]:
        """Return the distinct floors and each event's place among them."""
        floors: dict[Floor, int] = {NO_FLOOR: 0}
        with_rules = [place for place, fact in enumerate(recorded.facts) if fact.rules]
        floor = np.zeros(len(events), np.int64)
        rows = np.flatnonzero(np.isin(recorded.fact, with_rules))
        keys = recorded.fact[rows] * len(events.circumstances) + events.where[rows]
        distinct, at = np.unique(keys, return_inverse=True)
        found = []
        for fact, where in zip(*divmod(distinct, max(1, len(events.circumstances))), strict=True):
            game = events.circumstances[int(where)].game
            each = self._floor(recorded.facts[int(fact)], self._by_game.get(game, ""))
            found.append(floors.setdefault(each, len(floors)))
        floor[rows] = np.array(found, np.int64)[at]
        return list(floors), floor

    def _floor(self, fact: Fact, pack: str) -> Floor:
        """Blocking rules win, then the severest category, then the earlier rule, as in ``model.rules``.

        If the pack no longer has a rule of that id, the recorded decision is the floor.
        """
        known = self._rules.get(pack) or self._rules[""]
        hits = [known[hit.rule] for hit in fact.rules if hit.rule in known]
        if len(hits) < len(fact.rules):
            return Floor(fact.action, self._places.get(fact.category, 0))
        blocking = [hit for hit in hits if hit[1].action == "block"]
        _, strongest = max(blocking or hits, key=lambda hit: (self._severities.get(hit[1].category or "", 0), -hit[0]))
        return Floor("block" if blocking else "flag", self._places.get(strongest.category or "", 0))

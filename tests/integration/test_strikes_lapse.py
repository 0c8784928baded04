"""The strikes worker on a real broker: what has lapsed leaves the changelog, and does not come back."""

import json
from http.client import HTTPConnection

import pytest

from schemas.verdict import Verdict
from stream.strikes import standing
from stream.strikes.ladder import Ladders
from stream.strikes.tally import UNTIL, channel_key
from tests.support.processes import free_port, wait_until
from tests.support.strikes_trial import TOKEN, Trial, actual, ends, expected, feed, is_done, read
from tests.support.verdicts import a_verdict

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
LATER_S = standing.kept_s(Ladders().default) + 10


def speak(trial: Trial, players: list[str], after_s: int) -> None:
    """Let each player offend once, in a channel of that name; forty of either are in every partition."""
    feed(trial, [offence(player, after_s + index) for index, player in enumerate(players)], seed=after_s)


def offence(player: str, after_s: int) -> Verdict:
    return a_verdict(f"{player}-{after_s}", after_s, player_id=player, channel_id=player, severity=3)


def status(port: int, player: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", f"/v1/players/{player}", headers={"Authorization": f"Bearer {TOKEN}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def tombstones(trial: Trial, table: str) -> dict[bytes, bytes]:
    """Return the removals in a changelog: by key, which state they do not reach beyond."""
    found: dict[bytes, bytes] = {}
    for message in read(trial.bootstrap, trial.changelog(table)):
        if message.value() is None:
            said = dict(message.headers() or ())[UNTIL]
            assert isinstance(said, bytes)
            found[message.key() or b""] = said
    return found


def removed(trial: Trial, table: str, keys: list[bytes]) -> bool:
    """Say whether these were removed; nothing else may be."""
    found = tombstones(trial, table).keys()
    assert found <= set(keys)
    return found == set(keys)


def players(names: list[str]) -> list[bytes]:
    return [name.encode() for name in names]


def test_a_player_long_gone_leaves_the_changelog_and_comes_back_as_one_never_seen(trial: Trial) -> None:
    gone, here = [f"gone-{number}" for number in range(12)], [f"here-{number}" for number in range(40)]
    worker = trial.start("worker-0")
    speak(trial, gone, 0)
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 120, "the first are tallied")
    speak(trial, here, LATER_S)
    wait_until(lambda: removed(trial, "standings", players(gone)), 120, "the long gone are removed")
    wait_until(lambda: removed(trial, "channels", [channel_key("default", name) for name in gone]), 120, "and channels")
    assert worker.stop(60) == 0, worker.output()[-3_000:]
    assert {key for _, key in actual(trial).standings} == set(players(here))

    port = free_port()
    successor = trial.start("worker-without-disk", strikes__port=port)
    wait_until(lambda: status(port, here[0]) == 200, 120, "the tables are read back")
    (line,) = [json.loads(line) for line in successor.output().splitlines() if "tables restored" in line]
    assert line["records"] >= len(gone) + len(here)
    assert [status(port, player) for player in gone] == [404] * len(gone)
    speak(trial, gone, LATER_S + 60)
    later = ends(trial)
    wait_until(lambda: is_done(trial, later), 120, "they are back")
    assert successor.stop(60) == 0, successor.output()[-3_000:]
    wanted, found = expected(trial, Ladders()), actual(trial)
    assert found.standings == wanted.standings, "as though nothing had been removed"
    assert found.strikes == wanted.strikes

"""``chatwarden topics``: create the topics, with partitions and retention."""

from typing import Annotated, Final

import typer

from stream.commands.options import Config
from stream.errors import ConfigError

_LEAST_DAYS: Final = 0.01
"""A quarter of an hour: Kafka checks retention every five minutes; one that rounds to 0 ms deletes at once."""
_MOST_DAYS: Final = 36_500


def topics(
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic; verdicts and strikes need the same.")
    ] = 6,
    replication_factor: Annotated[
        int, typer.Option(min=-1, help="Replicas of each topic; -1: the broker's default.")
    ] = -1,
    retention: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=DAYS", help="Such as events=3. Roles: events verdicts flagged dead_letters strikes."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,  # noqa: FBT002 - a flag
    config: Config = None,
) -> None:
    """Create missing topics.  Existing ones are compared, never changed, so it is safe to run again.

    Exit codes: 0 all exist (or would) · 2 usage or configuration, or the broker refuses · 75 Kafka is unavailable.
    """
    from schemas.topics import DAY_MS
    from stream.settings import load_settings
    from stream.topics import connect, create_topics, differences, find_topics, wanted_topics

    settings = load_settings(config)
    wanted = wanted_topics(settings, partitions, _days(retention or []))
    admin = connect(settings)
    found = find_topics(admin, wanted)
    missing = [topic for topic in wanted if topic.name not in found]
    if not dry_run:
        create_topics(admin, missing, replication_factor)
    verb = "would create" if dry_run else "created"
    for topic in wanted:
        if topic.name not in found:
            days = int(topic.config["retention.ms"]) / DAY_MS
            typer.echo(f"{verb:<13} {topic.name}: {topic.partitions} partitions, kept {days:g} days")
        elif differing := differences(topic, found[topic.name]):
            typer.echo(f"{'differs':<13} {topic.name}: {'; '.join(differing)} (left as it is)")
        else:
            typer.echo(f"{'there already':<13} {topic.name}")


def _days(given: list[str]) -> dict[str, float]:
    from typing import get_args

    from schemas.topics import TopicRole

    roles = get_args(TopicRole)
    days: dict[str, float] = {}
    for text in given:
        role, _, number = text.partition("=")
        try:
            days[role] = float(number)
        except ValueError as exc:
            raise ConfigError(f"--retention {text}: write ROLE=DAYS, as in events=3") from exc
        if role not in roles:
            raise ConfigError(f"--retention {text}: roles are {', '.join(roles)}")
        if not _LEAST_DAYS <= days[role] <= _MOST_DAYS:
            raise ConfigError(f"--retention {text}: give {_LEAST_DAYS} (a quarter of an hour) to {_MOST_DAYS:,} days")
    return days

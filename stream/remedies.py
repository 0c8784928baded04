"""What an operator can do about a partition that cannot continue by itself, in words."""

from typing import Final

from stream.errors import DataLost

NO_OFFSET: Final = -1001
"""What ``committed`` returns where a group has committed nothing."""


def reset_command(group: str, topic: str, partition: int, offset: int) -> str:
    """Return the command that moves a group past an offset where it cannot continue."""
    return (
        f"kafka-consumer-groups.sh --bootstrap-server ADDRESS --group {group} --topic {topic}:{partition} "
        f"--reset-offsets --to-offset {offset} --execute"
    )


def data_lost(group: str, topic: str, partition: int, committed: int, held: tuple[int, int], cause: str) -> DataLost:
    """Return the error of a group whose next record is gone; ``held`` are the topic's first and end offsets."""
    low, high = held
    return DataLost(
        f"{topic}[{partition}]: the group {group} is at "
        f"{'no offset' if committed == NO_OFFSET else f'offset {committed}'}, the topic holds {low} "
        f"to {high}: records were deleted before they were read ({cause}).  To accept the loss, stop every "
        f"worker and set the group's offset: {reset_command(group, topic, partition, low)}"
    )

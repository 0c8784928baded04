"""A score cache in a dict, which can be told to be away or to lie."""

from collections.abc import Mapping, Sequence

from stream.errors import TransportError


class DictCache:
    """Keeps values for ever; counts round trips."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.reads = 0
        self.writes = 0
        self.away = False

    def read(self, keys: Sequence[bytes], /) -> Sequence[bytes | None]:
        """Return the value of each key."""
        self.reads += 1
        self._check()
        return [self.values.get(key) for key in keys]

    def write(self, values: Mapping[bytes, bytes], ttl_s: int, /) -> None:
        """Keep the values."""
        self.writes += 1
        self._check()
        self.values |= values

    def _check(self) -> None:
        if self.away:
            raise TransportError("the dict is away")

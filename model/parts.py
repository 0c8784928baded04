"""Texts taken apart at their blanks, with a number for each distinct part.

Chat repeats its words, so what rules and gate must know of a part is worked out once and then looked up by number.
A dictionary touches memory for its table, each key and each value, mostly outside the cache; here the parts of a whole
chunk are looked up at once, in a table keyed by the bytes of short parts.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Values = NDArray[Any]
_Keys = NDArray[np.uint64]

MOST_PARTS: Final = 1 << 16
MOST_LETTERS: Final = 1 << 22
"""With more parts, or more letters in them, numbering starts over: about 16 MB for chat, 30 at most."""
_BREAK: Final = ord("\n")
"""Separator of texts; no canonical text contains it."""
_BLANK: Final = ord(" ")
_BITS: Final = 18
"""Bits of a slot number.  A part whose slot is taken, or which is longer than a key, is looked up in a dictionary."""
_HALF: Final = 8
_LONGEST: Final = 12
"""Maximum bytes of a part in a key: eight in its first number, the others and their length in the second one."""
_LENGTH: Final = np.uint64(32)
_NUMBER: Final = np.uint64(36)
"""Place of the part's number above its length in the second number of a slot."""
_MASKS: Final[_Keys] = np.array([(1 << 8 * count) - 1 for count in range(_HALF + 1)], dtype=np.uint64)
_LENGTHS: Final[_Keys] = np.arange(_LONGEST + 2, dtype=np.uint64) << _LENGTH
_KEY: Final = (np.uint64(1) << _NUMBER) - np.uint64(1)
_SPREAD: Final[_Keys] = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)
_UNMET: Final = -1


class Lines:
    """Canonical texts taken apart.  Each has at least one part, which may be empty."""

    def __init__(self, texts: Sequence[str], numbering: "Numbering") -> None:
        """Take texts apart and number their parts."""
        self.texts: Final = texts
        self.data: Final = ("\n".join(texts) + "\n").encode() if texts else b""
        """Each text followed by a line break."""
        signs = np.frombuffer(self.data, dtype=np.uint8)
        self.ends: Final[Ints] = ((signs == _BLANK) | (signs == _BREAK)).nonzero()[0]
        self.starts: Final[Ints] = _starts(self.ends)
        self.inner: Final[Bools] = signs.take(self.ends) == _BLANK
        """Whether a part is followed by another one of its text."""
        self.lasts: Final[Ints] = (~self.inner).nonzero()[0]
        """Last part of each text."""
        self.firsts: Final[Ints] = _starts(self.lasts)
        """First part of each text."""
        self.numbering: Final = numbering
        self.numbers: Final[Ints] = numbering.numbers(self)
        """Each part's number.  Equal parts have equal numbers, under the same numbering."""

    def also(self, texts: Sequence[str]) -> "Lines":
        """Return other texts, under the same numbering."""
        return Lines(texts, self.numbering)

    def parts(self, places: Ints) -> list[str]:
        """Return the parts at these places."""
        borders = zip(self.starts.take(places).tolist(), self.ends.take(places).tolist(), strict=True)
        return [self.data[start:end].decode() for start, end in borders]

    def owners(self, places: Ints) -> Ints:
        """Return the number of the text of each of these parts."""
        return self.firsts.searchsorted(places, side="right") - 1

    def with_any(self, marks: Values) -> list[int]:
        """Return the numbers of the texts that have a marked part, in order."""
        places = marks.nonzero()[0]
        return list(dict.fromkeys(self.owners(places).tolist())) if len(places) else []


def _starts(lasts: Ints) -> Ints:
    """Return where each begins, right behind the last of the one before."""
    starts = np.zeros(len(lasts), dtype=np.int64)
    np.add(lasts[:-1], 1, out=starts[1:])
    return starts


class _Keyed:
    """The keys of parts, and their slots."""

    def __init__(self, data: bytes, starts: Ints, ends: Ints) -> None:
        lengths = ends - starts
        # An eight-byte number from each byte; bytes after a part's end are masked.
        eights: _Keys = np.ndarray((len(data) + _HALF,), dtype="<u8", buffer=data + bytes(2 * _HALF), strides=(1,))
        self.first: _Keys = eights[starts]
        self.first &= _MASKS.take(lengths, mode="clip")
        self.second: _Keys = _LENGTHS.take(lengths, mode="clip")
        long = ((lengths > _HALF) & (lengths <= _LONGEST)).nonzero()[0]
        self.second[long] |= eights[starts.take(long) + _HALF] & _MASKS.take(lengths.take(long) - _HALF)
        mixed = self.first * _SPREAD[0]
        mixed ^= self.second * _SPREAD[1]
        self.slots: Final[Ints] = (mixed >> np.uint64(64 - _BITS)).view(np.int64)


class Numbering:
    """Numbers parts, from 0 for the empty one."""

    def __init__(self) -> None:
        self._table: _Keys = np.zeros((1 << _BITS, 2), dtype=np.uint64)
        """By slot: the part's key, with its number; zeros if empty, which is also the empty part's key and number."""
        self._by_part = {"": 0}
        self._letters = 0

    def __len__(self) -> int:
        """Return how many parts have numbers."""
        return len(self._by_part)

    def is_full(self) -> bool:
        """Whether it is time to start over."""
        return len(self._by_part) > MOST_PARTS or self._letters > MOST_LETTERS

    def numbers(self, lines: Lines) -> Ints:
        """Return the number of each part."""
        keyed = _Keyed(lines.data, lines.starts, lines.ends)
        found = self._table.take(keyed.slots, axis=0)
        seconds = found[:, 1]
        numbers: Ints = (seconds >> _NUMBER).view(np.int64)
        missed = ((found[:, 0] != keyed.first) | (seconds & _KEY != keyed.second)).nonzero()[0]
        if len(missed):
            known = len(self)
            numbers[missed] = self._in_dictionary(lines.parts(missed))
            if len(self) > known:
                self._place(keyed, numbers, (numbers >= known).nonzero()[0])
        return numbers

    def _in_dictionary(self, parts: Sequence[str]) -> list[int]:
        numbers = [self._by_part.get(part, _UNMET) for part in parts]
        if _UNMET in numbers:
            new = dict.fromkeys(part for part in parts if part not in self._by_part)
            self._by_part.update(zip(new, range(len(self), len(self) + len(new)), strict=True))
            self._letters += sum(map(len, new))
            numbers = [self._by_part[part] for part in parts]
        return numbers

    def _place(self, keyed: _Keyed, numbers: Ints, places: Ints) -> None:
        """Put the parts at these places into their slots, unless they are too long or another part is there."""
        slots, second = keyed.slots[places], keyed.second[places]
        free = (self._table[slots, 1] == 0) & (second < _LENGTHS[_LONGEST + 1])
        second |= numbers[places].view(np.uint64) << _NUMBER
        # Of several parts with the same slot the last one written stays.
        self._table[slots[free]] = np.stack([keyed.first[places], second], axis=1)[free]


class _Memory(threading.local):
    def __init__(self) -> None:
        self.numbering = Numbering()


_MEMORY: Final = _Memory()


def read(texts: Sequence[str]) -> Lines:
    """Take canonical texts apart and number their parts."""
    if _MEMORY.numbering.is_full():
        _MEMORY.numbering = Numbering()
    return Lines(texts, _MEMORY.numbering)


class Column:
    """What someone knows of the parts: a value for each number, ``unknown`` until it is kept."""

    def __init__(self, kind: DTypeLike, unknown: int) -> None:
        self._kind, self._unknown = kind, unknown
        self._numbering: Numbering | None = None
        self._lock: Final = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        self._values: Values = np.full(1 << 10, self._unknown, dtype=self._kind)

    def look_up(self, lines: Lines) -> tuple[Values, dict[int, str]]:
        """Return each part's value, and by number the parts without one."""
        if lines.numbering is not self._numbering:
            self.clear()
            self._numbering = lines.numbering
        if len(lines.numbering) > len(self._values):
            grown = np.full(2 * len(lines.numbering), self._unknown, dtype=self._kind)
            grown[: len(self._values)] = self._values
            self._values = grown
        values = self._values.take(lines.numbers)
        unmet = (values == self._unknown).nonzero()[0]
        if not len(unmet):
            return values, {}
        return values, dict(zip(lines.numbers.take(unmet).tolist(), lines.parts(unmet), strict=True))

    def keep(self, values: Mapping[int, int]) -> None:
        """Keep the values of parts, by number."""
        self._values[list(values)] = list(values.values())

    def of(self, lines: Lines, learn: Callable[[Sequence[str]], Sequence[int]]) -> Values:
        """Return each part's value; ``learn`` works out those of new parts.  Any thread may call this."""
        with self._lock:
            values, unmet = self.look_up(lines)
            if unmet:
                self.keep(dict(zip(unmet, learn(list(unmet.values())), strict=True)))
                values, _ = self.look_up(lines)
        return values

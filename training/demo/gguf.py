"""Reads what the demonstration needs of a GGUF file: its metadata, and its tensors as numbers.

The layout is that of ggml's docs/gguf.md: a header, keys with values, descriptions of tensors, then
their bytes, aligned. Weights may be kept in blocks of 32 with a scale. Nothing in such a file is
code; a length that leads out of the file is refused before anything is made of it.
"""

import math
import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy

MAGIC = b"GGUF"
VERSIONS = (2, 3)
BLOCK = 32  # weights that share a scale
MOST_NESTING = 2  # lists within lists
_SCALARS = dict(
    zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)
)  # the type of a value -> its form for struct
_STRING, _LIST = 8, 9
# How the weights of a tensor are kept, by the number in its description.
_F32, _F16, _Q4_1, _Q8_0 = 0, 1, 3, 8
_Q4_1_BLOCK = numpy.dtype([("scale", "<f2"), ("least", "<f2"), ("nibbles", "u1", 16)])
_Q8_0_BLOCK = numpy.dtype([("scale", "<f2"), ("steps", "i1", BLOCK)])


class NotReadable(ValueError):
    """The file is no GGUF file that can be read here; the sentence says why."""


class _Kept(NamedTuple):
    shape: tuple[int, ...]  # rows first
    form: int
    offset: int  # from the beginning of the file


class GgufFile:
    """metadata: the keys with their values. names: of the tensors.

    Raises:
        NotReadable: another kind of file, or one that was cut.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 0
        if self._bytes[:4] != MAGIC:
            raise NotReadable(f"{path.name} is no GGUF file: it begins with {self._bytes[:4]!r}.")
        self._at = 4
        version, tensors, keys = self._take("<IQQ")
        if version not in VERSIONS:
            raise NotReadable(f"{path.name} is GGUF of version {version}; 2 and 3 are read.")
        self.metadata: dict[str, Any] = {}
        for _key in range(keys):
            name = self._string()
            self.metadata[name] = self._value(*self._take("<I"))
        described = dict(self._description() for _tensor in range(tensors))
        step = int(self.metadata.get("general.alignment", 32))
        start = -(-self._at // step) * step
        self._kept = {
            name: _Kept(shape, form, start + offset)
            for name, (shape, form, offset) in described.items()
        }

    @property
    def names(self) -> list[str]:
        return list(self._kept)

    def tensor(self, name: str) -> numpy.ndarray[Any, Any]:
        """The numbers of one tensor, float32, rows first.

        Q4_1: weight = scale * nibble + least; the low nibbles are a block's first half.
        Q8_0: weight = scale * step.

        Raises:
            NotReadable: kept in another form, or cut.
        """
        kept = self._kept[name]
        count = math.prod(kept.shape)
        if kept.form == _F32:
            return self._numbers(kept, numpy.dtype("<f4"), count).reshape(kept.shape)
        if kept.form == _F16:
            plain = self._numbers(kept, numpy.dtype("<f2"), count)
            return plain.astype(numpy.float32).reshape(kept.shape)
        if kept.form == _Q4_1:
            blocks = self._numbers(kept, _Q4_1_BLOCK, count // BLOCK)
            halves = [blocks["nibbles"] & 15, blocks["nibbles"] >> 4]
            steps = numpy.concatenate(halves, axis=1).astype(numpy.float32)
            scaled = steps * blocks["scale"].astype(numpy.float32)[:, None]
            weights = scaled + blocks["least"].astype(numpy.float32)[:, None]
            return weights.reshape(kept.shape)
        if kept.form == _Q8_0:
            blocks = self._numbers(kept, _Q8_0_BLOCK, count // BLOCK)
            scale = blocks["scale"].astype(numpy.float32)[:, None]
            return (blocks["steps"].astype(numpy.float32) * scale).reshape(kept.shape)
        raise NotReadable(f"{name} is kept in form {kept.form}; F32, F16, Q4_1 and Q8_0 are read.")

    def _numbers(
        self, kept: _Kept, form: "numpy.dtype[Any]", count: int
    ) -> numpy.ndarray[Any, Any]:
        if kept.offset + count * form.itemsize > len(self._bytes):
            raise NotReadable("The file is shorter than its tensors. It was cut on the way.")
        # A copy: a view would keep the file open for as long as somebody holds the numbers.
        return numpy.frombuffer(self._bytes, form, count, kept.offset).copy()

    def _take(self, form: str) -> tuple[Any, ...]:
        try:
            found = struct.unpack_from(form, self._bytes, self._at)
        except struct.error:
            raise NotReadable("The file ends within its header. It was cut on the way.") from None
        self._at += struct.calcsize(form)
        return found

    def _string(self) -> str:
        (length,) = self._take("<Q")
        (said,) = self._take(f"<{min(length, len(self._bytes) + 1)}s")
        return str(said.decode(errors="replace"))

    def _value(self, form: int, depth: int = 0) -> Any:
        if form == _STRING:
            return self._string()
        if form == _LIST and depth < MOST_NESTING:
            inner, count = self._take("<IQ")
            if count > len(self._bytes):
                raise NotReadable("A list is longer than the file.")
            return [self._value(inner, depth + 1) for _ in range(count)]
        if form not in _SCALARS:
            raise NotReadable(f"A value is of type {form}, which GGUF does not have.")
        return self._take(f"<{_SCALARS[form]}")[0]

    def _description(self) -> tuple[str, tuple[tuple[int, ...], int, int]]:
        name = self._string()
        (dimensions,) = self._take("<I")
        if dimensions > 4:
            raise NotReadable(f"{name[:80]} has {dimensions} dimensions; GGUF has at most 4.")
        sizes = self._take(f"<{dimensions}Q")
        form, offset = self._take("<IQ")
        return name, (tuple(reversed(sizes)), form, offset)

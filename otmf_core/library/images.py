"""Images that are decoded as they are asked for: of a split, n at a time, and never all of it in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.library.decoding import decoded
from otmf_core.library.encoded import named_pictures
from otmf_core.library.preparation import Preparation

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Images:
    """The images of some rows of a table, as a tower takes them; decoded anew whenever they are read."""

    path: Path
    rows: Sequence[int]
    how: Preparation

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any, /) -> Images:
        """Those of a slice, or of indices in an array or a tensor."""
        chosen = self.rows[rows] if isinstance(rows, slice) else [self.rows[int(row)] for row in rows]
        return Images(self.path, chosen, self.how)

    def batches(self, size: int) -> Iterator[Tensor]:
        """All of them in order, `size` at a time: uint8 (≤ size, height, width, 3); the next ones are being decoded.

        Raises InputError on a damaged table or picture.
        """
        import torch

        batch, filled = self._empty(size), 0
        for piece in decoded(named_pictures(self.path, self.rows), self.how):
            while len(piece):
                taken = min(len(piece), size - filled)
                batch[filled : filled + taken] = torch.from_numpy(piece[:taken])
                piece, filled = piece[taken:], filled + taken
                if filled == size:
                    yield batch
                    batch, filled = self._empty(size), 0
        if filled:
            yield batch[:filled]

    def read(self) -> Tensor:
        """All of them: uint8 (n, height, width, 3)."""
        return next(self.batches(len(self)), self._empty(0))

    def _empty(self, count: int) -> Tensor:
        import torch

        return torch.empty((count, self.how.height, self.how.width, 3), dtype=torch.uint8)

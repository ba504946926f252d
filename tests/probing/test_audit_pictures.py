"""Audits of networks for pictures as they are written by hand, right and with the faults that are found in the wild."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import ardsl


class Masked(nn.Conv2d):
    """A convolution that sees the rows above, and to the left; with ``same`` the pixel itself, or, of its channels,
    those of ``groups`` before (``same``: up to its own)."""

    def __init__(self, inputs: int, outputs: int, size: int, *, same: bool, groups: int = 1, swapped: bool = False):
        super().__init__(inputs, outputs, size, padding=size // 2)
        mask = torch.ones_like(self.weight)
        middle = size // 2
        mask[:, :, middle, middle + 1 :] = 0
        mask[:, :, middle + 1 :] = 0
        into = torch.arange(inputs) * groups // inputs
        out = torch.arange(outputs) * groups // outputs
        if swapped:
            out = out.flip(0)
        before = into[None] <= out[:, None] if same else into[None] < out[:, None]
        mask[:, :, middle, middle] = before.to(mask)
        self.register_buffer("mask", mask)

    def forward(self, value: Tensor) -> Tensor:
        return self._conv_forward(value, self.weight * self.mask, self.bias)


class Plain(nn.Module):
    """One stack of masked convolutions, with a fault to choose."""

    def __init__(self, layers: int, fault: str = "", channels: int = 1) -> None:
        super().__init__()
        width = 4 * channels
        of = {"groups": channels}
        self.fault, self.channels = fault, channels
        self.first = Masked(channels, width, 7, same=fault == "mask B for A", **of)
        wrong = fault == "mask A throughout"
        self.middle = nn.ModuleList(Masked(width, width, 3, same=not wrong, **of) for _ in range(layers))
        swapped = fault == "colours swapped"
        self.last = Masked(width, channels, 1, same=fault != "mask A at the end", swapped=swapped, **of)

    def forward(self, x: Tensor) -> Tensor:
        image = x[:, None] if self.channels == 1 else x.movedim(3, 1)
        value = self.first(image)
        if self.fault == "a residual around the first layer":
            value = value + image
        for layer in self.middle:
            value = value + torch.tanh(layer(value)) if self.fault != "mask A throughout" else torch.tanh(layer(value))
        raw = self.last(value)
        return raw[:, 0] if self.channels == 1 else raw.movedim(1, 3)


class Stacks(nn.Module):
    """A vertical and a horizontal stack of gated units."""

    def __init__(self, layers: int, shift: bool = True) -> None:
        super().__init__()
        self.shift = shift
        sizes = [(1, 7), *[(4, 3)] * layers]
        self.down = nn.ModuleList(nn.Conv2d(n, 4, (size // 2 + (k > 0), size)) for k, (n, size) in enumerate(sizes))
        self.along = nn.ModuleList(nn.Conv2d(n, 4, (1, size // 2 + (k > 0))) for k, (n, size) in enumerate(sizes))
        self.link = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in sizes)
        self.last = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        vertical = horizontal = x[:, None]
        for k, (down, along, link) in enumerate(zip(self.down, self.along, self.link, strict=True)):
            high, wide = down.kernel_size
            # Row r of the vertical stack sees up to row r of its input, the first layer's up to r too.
            vertical = torch.tanh(down(F.pad(vertical, (wide // 2, wide // 2, high - 1, 0))))
            above = F.pad(vertical, (0, 0, 1, 0))[:, :, :-1] if self.shift else vertical
            back = along.kernel_size[1]
            shifted = F.pad(horizontal, (back, 0, 0, 0))[..., :-1] if k == 0 else F.pad(horizontal, (back - 1, 0))
            horizontal = torch.tanh(along(shifted) + link(above))
        return self.last(horizontal)[:, 0]


class DiagonalLstm(nn.Module):
    """A state that moves along diagonals, from the left and from the right; the map from the right is shifted down, or
    by mistake not."""

    def __init__(self, shift: bool = True) -> None:
        super().__init__()
        self.shift = shift
        self.first = Masked(1, 3, 3, same=False)
        self.step = nn.ModuleList(nn.Conv1d(3, 3, 2) for _ in range(2))
        self.last = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        value = self.first(x[:, None])
        left, right = self._scan(value, 0), self._scan(value.flip(3), 1).flip(3)
        if self.shift:
            right = F.pad(right, (0, 0, 1, 0))[:, :, :-1]
        return self.last(left + right)[:, 0]

    def _scan(self, value: Tensor, which: int) -> Tensor:
        rows, columns = value.shape[2:]
        skewed = torch.stack([F.pad(value[:, :, r], (r, rows - 1 - r)) for r in range(rows)], 2)
        state, found = torch.zeros_like(skewed[..., 0]), []
        for diagonal in skewed.unbind(3):
            state = torch.tanh(diagonal + self.step[which](F.pad(state, (1, 0))))
            found.append(state)
        whole = torch.stack(found, 3)
        return torch.stack([whole[:, :, r, r : r + columns] for r in range(rows)], 2)


def network(text: str, size: int = 10) -> ardsl.Spec:
    return ardsl.loads(f"observed x[{size}, {size}] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn({text})\n")


@pytest.mark.parametrize(
    ("module", "same"),
    [
        (Plain(3), "layers = 3"),
        (Stacks(3), "layers = 3, gated = true"),
        (Stacks(1), "layers = 1, gated = true"),
    ],
)
def test_a_network_by_hand_is_found_to_be_what_the_plan_of_ours_is(module: nn.Module, same: str) -> None:
    found, ours = ardsl.audit(module, (10, 10), points=2), ardsl.verify(network(same))
    assert found.sound
    assert found.realized == ours.realized
    assert set(found.blind_spots) == set(ours.blind_spots)


def test_the_blind_spot_stays_at_any_depth_of_one_stack() -> None:
    shares = [ardsl.audit(Plain(layers), (8, 8), points=2).blind_spots.count for layers in (2, 8)]
    assert shares[0] > shares[1] > 0


LEAKS = {
    "mask B for A": Plain(1, "mask B for A"),
    "a residual around the first layer": Plain(1, "a residual around the first layer"),
    "a stack that is not shifted": Stacks(1, shift=False),
    "a map from the right that is not shifted": DiagonalLstm(shift=False),
}


@pytest.mark.parametrize("fault", LEAKS)
def test_leaks_are_found(fault: str) -> None:
    report = ardsl.audit(LEAKS[fault], (6, 6), points=2)
    assert not report.sound and "NOT SOUND" in str(report)
    assert ("x[3, 3]", "x[3, 3]") in set(report.leaks)
    later = ("x[3, 3]", "x[3, 4]")
    assert (later in set(report.leaks)) == fault.endswith("not shifted")


def test_colours_in_the_wrong_order_leak() -> None:
    assert ardsl.audit(Plain(1, channels=3), (4, 4, 3), points=2).sound
    report = ardsl.audit(Plain(1, "colours swapped", channels=3), (4, 4, 3), points=2)
    assert ("x[2, 2, 0]", "x[2, 2, 1]") in set(report.leaks)


def test_a_mask_of_type_a_at_the_end_loses_everything() -> None:
    report = ardsl.audit(Plain(1, "mask A at the end"), (6, 6), points=2)
    assert report.sound and report.realized == 0


def test_a_mask_of_type_a_throughout_loses_the_pixel_before() -> None:
    report = ardsl.audit(Plain(2, "mask A throughout"), (6, 6), points=2)
    assert report.sound
    assert ("x[3, 3]", "x[3, 2]") in set(report.blind_spots)


def test_a_diagonal_lstm_shifted_down_never_sees_the_end_of_the_row_above() -> None:
    report = ardsl.audit(DiagonalLstm(), (6, 6), points=2)
    assert report.sound
    assert ("x[3, 1]", "x[2, 5]") in set(report.blind_spots)


def test_the_picture_of_an_audit(tmp_path: Path) -> None:
    report = ardsl.audit(Stacks(1, shift=False), (6, 6), points=2)
    assert ardsl.save_reach(tmp_path / "reach.png", report, ["x[3, 3]"]) == ["x[3, 3]"]
    assert (tmp_path / "reach.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ardsl.DataError, match="none of the elements"):
        ardsl.save_reach(tmp_path / "reach.png", report, ["x[6, 6]"])

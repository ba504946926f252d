"""Standardization of real and positive elements inside the model; densities count the change of variables."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.compiler.arrays.values import Values, value_type
from ardsl.families.domains import Domain
from ardsl.families.family import Family
from ardsl.model.model import Model, Variable
from ardsl.networks.design import Design
from ardsl.networks.group import TargetBlock

_CHUNK = 1 << 20
_FAR = 10.0
"""A median absolute value that no standardized data has."""
_MOST_NAMED = 3
"""Elements that a warning names."""
_EVERY = slice(None)
_ROUNDING = 1e-3
"""Samples are float64 where the model's own type would round them by more than this share of the scale."""


class Standardization(nn.Module):
    """Standardizes each element, z = (x − center) / scale: p(x) = p(z) / scale is a density in the data's own units.

    Networks and families see z. A positive element is scaled alone, by its geometric mean, and stays positive. An
    element whose family does not follow such a change (one with a location or scale that the spec fixes, or with none)
    keeps its units, as does everything before :meth:`measure`. Elements that a network ties share center and scale.

    A model has it as ``units``: centers and scales are saved as ``units.center_x`` and ``units.scale_x``.

    Centers and scales are float64 whatever the model's type: of times in seconds since 1970 the spread is a millionth.
    Data is centered in float64 too, and is in the model's type from then on.
    """

    like: Tensor
    """A tensor with the model's type and device."""

    def __init__(self, model: Model, plans: Sequence[Design]) -> None:
        super().__init__()
        self._measured = measured_elements(model, plans)
        self._variables = model.variables
        self._tied: dict[str, set[int]] = {}
        for plan in plans:
            for name, axes in plan.tied_axes.items():
                self._tied.setdefault(name, set()).update(axes)
        self._elements = {
            (group, block): _scaled(target, self._measured.get(target.variable.name))
            for group, plan in enumerate(plans)
            for block, target in enumerate(plan.group.targets)
        }
        self._positive: dict[str, Tensor] = {}
        self.fresh = True
        self.register_buffer("like", torch.zeros(()), persistent=False)
        for name, mask in self._measured.items():
            domains = map(model.variables[name].element_domain, range(len(mask)))
            self._positive[name] = torch.tensor([domain.scales and not domain.shifts for domain in domains])
            self.register_buffer(f"center_{name}", torch.zeros(len(mask), dtype=torch.float64))
            self.register_buffer(f"scale_{name}", torch.ones(len(mask), dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Standardization:
        """Moves to another type or device as any module, but for the type of centers and scales."""
        exact = dict(self.named_buffers())
        del exact["like"]
        for name, buffer in exact.items():
            self._buffers[name] = buffer.float()  # not every device takes float64
        super()._apply(fn, recurse)
        for name, buffer in exact.items():
            place = self.get_buffer(name).device
            self._buffers[name] = buffer.to(place, torch.float32 if place.type == "mps" else torch.float64)
        return self

    def warn_if_far(self, values: Values) -> None:
        """Warns once, of a model that was never measured, where the first data that it scores are far from the numbers
        of order one that training begins with. ``fresh`` until then."""
        self.fresh = False
        for name, positive in self._positive.items():
            buffers = (self.get_buffer(f"center_{name}"), self.get_buffer(f"scale_{name}") - 1)
            if name not in values or any(bool(buffer.any()) for buffer in buffers):
                continue
            mask = torch.as_tensor(self._measured[name], device=self.like.device)
            value = torch.where(positive.to(mask.device), values[name].log(), values[name]).detach()[:, mask]
            value = value[value.isfinite()]
            if value.numel() and bool(value.abs().median() > _FAR):
                call = f'`model.measure({{"{name}": {name}}})`'
                warnings.warn(
                    f"`{name}` is not standardized, and far from the numbers of order 1 that training begins with: "
                    f"call {call} with the training data, once, before the first step",
                    stacklevel=3,
                )

    def measure(self, examples: Mapping[str, Tensor]) -> None:
        """Takes centers and scales from examples: [examples, *shape] by variable. NaN (a missing value) does not count.
        Variables without examples, such as latent ones, keep theirs."""
        for name, mask in self._measured.items():
            if name not in examples:
                continue
            shape, tied = examples[name].shape[1:], sorted(self._tied.get(name, ()))
            first = _rows(torch.arange(len(mask)).view(shape), shape, tied)[0]
            rows = _rows(examples[name], shape, tied)
            measured = _measure(rows, mask[first.numpy()], self._positive[name][first], self.like.dtype)
            stored, own = (str(dtype).removeprefix("torch.") for dtype in (rows.dtype, self.like.dtype))
            constant = f"no more than {stored} rounds them by, so they are taken as constant: keep their differences"
            self._warn(name, first[measured.rounded], f"{constant} from one of them")
            self._warn(name, first[measured.narrow], f"less than {own} holds of positive numbers: declare them `real`")
            untied = [1 if axis in tied else size for axis, size in enumerate(shape)]
            for buffer, numbers in (("center", measured.center), ("scale", measured.scale)):
                self.get_buffer(f"{buffer}_{name}").copy_(numbers.view(untied).expand(shape).reshape(-1))

    def _warn(self, name: str, elements: Tensor, by: str) -> None:
        """Warns of elements of a variable whose values differ by too little."""
        if len(elements):
            names = [f"`{self._variables[name].element_name(int(element))}`" for element in elements[:_MOST_NAMED]]
            more = f" and {len(elements) - _MOST_NAMED:,} more" if len(elements) > _MOST_NAMED else ""
            warnings.warn(f"the values of {', '.join(names)}{more} differ by {by}", stacklevel=5)

    def standardized(self, values: Values, elements: slice = _EVERY) -> Values:
        """Standardizes data: [batch, elements] by variable, of all elements or of some, in the model's type, or
        the one that holds their whole numbers."""
        like, scaled = self.like, {}
        for name, value in values.items():
            value, dtype = self._standardize(name, value, elements), value_type(self._variables[name], like)
            scaled[name] = value if value.dtype == dtype else value.to(dtype)
        return scaled

    def _standardize(self, name: str, x: Tensor, elements: Tensor | slice) -> Tensor:
        if name not in self._measured:
            return x
        center, scale = self._measures(name)
        if elements is not _EVERY:
            center, scale = center[elements], scale[elements]
        return (x - center) / scale

    def standardize_ends(self, name: str, element: int, ends: Tensor) -> Tensor:
        """Standardizes ends of intervals of one element, in float64: [...]."""
        return self._standardize(name, ends, torch.tensor(element, device=ends.device))

    def _measures(self, name: str) -> tuple[Tensor, Tensor]:
        """Center and scale of a variable's elements: read without torch's own search, since likelihoods do it often."""
        return self._buffers[f"center_{name}"], self._buffers[f"scale_{name}"]  # type: ignore[return-value]

    def restored(self, values: Values, elements: slice = _EVERY) -> Values:
        """Restores draws of the model to the data's units: [batch, elements] by variable, of all elements or of some.
        They are float64 where the model's type would round them by more than a thousandth of their scale."""
        return values | {name: self._restore(name, values[name], elements) for name in self._measured if name in values}

    def round_trip(self, name: str, elements: Tensor, z: Tensor) -> Tensor:
        """Restores draws to the data's units and standardizes them again, so that they are rounded and clamped as data
        are. ``elements`` has the element of each draw, and broadcasts."""
        if name not in self._measured:
            return z
        return self._standardize(name, self._restore(name, z, elements), elements).to(z.dtype)

    def _restore(self, name: str, z: Tensor, elements: Tensor | slice = slice(None)) -> Tensor:
        center, scale = self.get_buffer(f"center_{name}"), self.get_buffer(f"scale_{name}")
        x = center[elements] + scale[elements] * z
        info = torch.finfo(z.dtype)
        # From one number of the type to the next, near the center:
        step = (center.abs() * info.eps).clamp(min=info.tiny)
        rough = bool(((step > _ROUNDING * scale) | (center.abs() + scale / _ROUNDING > info.max)).any())
        info = torch.finfo(x.dtype if rough else z.dtype)
        positive = self._positive[name].to(x.device)[elements]
        x = torch.where(positive, x.clamp(info.tiny, info.max), x.clamp(info.min, info.max))
        return x if rough else x.to(z.dtype)

    def scale(self, variable: Variable, element: int) -> float:
        """The scale of one element: the data's units to one standardized unit."""
        return self.get_buffer(f"scale_{variable.name}")[element].item() if variable.name in self._measured else 1.0

    def log_scales(self, name: str) -> Tensor | None:
        """The logarithm of the scale of each element of a variable, float64 [elements]; None where all are 1."""
        return self._measures(name)[1].log() if name in self._measured else None

    def log_scale(self, group: int, block: int) -> Tensor | None:
        """The logarithm of the scale of each draw of a target block, [draws]; None where all are 1."""
        elements = self._elements[group, block]
        if elements is None:
            return None
        name, place = elements
        _, scale = self._measures(name)
        log_scale = (scale if place is None else scale[place]).log()
        return (log_scale if log_scale.ndim == 1 else log_scale.sum(-1)).to(self.like.dtype)


def _scaled(target: TargetBlock, measured: np.ndarray | None) -> tuple[str, Tensor | None] | None:
    """The variable of a block and the elements of each draw, None for all in their order; None where none is
    measured."""
    if measured is None or not measured[target.elements].any():
        return None
    plain = target.whole and target.elements.shape[1] == 1
    return target.variable.name, None if plain else torch.as_tensor(target.elements)


def measured_elements(model: Model, plans: Sequence[Design]) -> dict[str, np.ndarray]:
    """The elements that are standardized: bool [elements] by variable; variables without any are left out."""
    masks = {v.name: _scales(v) for v in model.given}
    for target in (t for plan in plans for t in plan.group.targets):
        name, elements = target.variable.name, target.elements.reshape(-1)
        if _follows(target.family, target.variable.element_domain(int(elements[0]))):
            mask = masks.setdefault(name, np.zeros(target.variable.size, dtype=bool))
            mask[elements] = _scales(target.variable)[elements]
    return {name: mask for name, mask in masks.items() if mask.any()}


def _scales(variable: Variable) -> np.ndarray:
    """The elements that are values on any scale: bool [elements]."""
    if variable.is_record:
        return np.array([field.domain.scales for field in variable.fields])
    return np.full(variable.size, variable.element_domain(0).scales)


def _follows(family: Family, domain: Domain) -> bool:
    """Says whether a standardized value has a distribution of the same family with other free parameters: a location
    and a scale of a real one, a scale of a positive one."""
    if family.name == "discretized":
        return False
    if family.name == "mixture" and family.inner is not None:
        return _follows(family.inner, domain)
    free = {slot.name for slot in family.slots}
    if domain.shifts:
        return "loc" in free and bool({"scale", "scale_tril"} & free)
    if domain.scales:
        scale = "loc" if family.name == "log_normal" else "scale" if "rate" not in free else "rate"
        return scale in free
    return False


def _rows(value: Tensor, shape: Sequence[int], tied: Sequence[int]) -> Tensor:
    """Examples [..., *shape] as rows of untied elements: those tied along axes are as many examples of one element."""
    first = value.ndim - len(shape)
    value = value.movedim([first + axis for axis in tied], [first + place for place in range(len(tied))])
    return value.reshape(-1, prod(size for axis, size in enumerate(shape) if axis not in tied))


@dataclass(frozen=True)
class _Measured:
    """What examples say of each element, float64 [elements]: their ``center`` and ``scale``, and the elements whose
    values differ by less than their type, or the model's, holds: ``rounded`` reals, ``narrow`` positives, bool
    [elements]."""

    center: Tensor
    scale: Tensor
    rounded: Tensor
    narrow: Tensor


def _measure(value: Tensor, mask: np.ndarray, positive: Tensor, dtype: torch.dtype) -> _Measured:
    """Center and scale of each element: mean and standard deviation, or 0 and the geometric mean; 0 and 1 where not
    ``mask``, or where nothing is known, and 1 where all values are the same.

    ``dtype`` is the model's. In chunks, in two passes: least and greatest values, then means and squared deviations of
    where values lie between these, merged. So neither the size of values nor their distance from 0 costs digits.
    """
    elements = len(mask)
    low = torch.full((elements,), math.inf, dtype=torch.float64)
    high = -low
    for chunk, known in _chunks(value, positive):
        low = torch.minimum(low, torch.where(known, chunk, math.inf).amin(0))
        high = torch.maximum(high, torch.where(known, chunk, -math.inf).amax(0))
    kept = torch.as_tensor(mask) & (low <= high)
    low, high = torch.where(kept, low, 0.0), torch.where(kept, high, 0.0)
    half_range = high / 2 - low / 2  # the whole may be beyond all floats
    count, mean, squares = torch.zeros(3, elements, dtype=torch.float64)
    for chunk, known in _chunks(value, positive):
        share = (chunk / 2 - low / 2) / torch.where(half_range > 0, half_range, 1.0)
        n = known.sum(0).double()
        new = torch.where(known, share, 0.0).sum(0) / n.clamp(min=1)
        total = (count + n).clamp(min=1)
        squares = squares + torch.where(known, (share - new) ** 2, 0.0).sum(0) + (new - mean) ** 2 * count * n / total
        mean = mean + (new - mean) * n / total
        count = count + n
    mean = 2 * (low / 2 + half_range * mean)
    spread = 2 * half_range * (squares / count.clamp(min=1)).sqrt()
    stored = value.dtype if value.is_floating_point() else torch.float64
    step = torch.maximum(low.abs(), high.abs()) * torch.finfo(stored).eps
    rounded = (half_range > 0) & (half_range <= step) & ~positive
    narrow = (half_range > 0) & (half_range <= torch.finfo(dtype).eps) & positive
    spread = torch.where(rounded, step.clamp(min=1), torch.where(spread > 0, spread, 1.0))
    center = torch.where(positive, 0.0, mean)
    return _Measured(center, torch.where(positive & kept, mean.exp(), spread), rounded, narrow)


def _chunks(value: Tensor, positive: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some rows after the other in float64, logarithms of what is positive, and which of them are known."""
    for chunk in value.split(max(1, _CHUNK // len(positive))):
        chunk = chunk.cpu().double()
        chunk = torch.where(positive, chunk.log(), chunk)
        yield chunk, chunk.isfinite()

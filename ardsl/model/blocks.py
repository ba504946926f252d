"""The ``data`` and ``train`` blocks: every setting has a name, a type and a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import names
from ardsl.diagnostics.rules import settings as rules
from ardsl.language import syntax
from ardsl.model.declarations import Draft
from ardsl.model.scope import Scope, Value
from ardsl.model.settings import (
    DATA_SETTINGS,
    LATER_SETTINGS,
    MISSING,
    PRECISIONS,
    TRAIN_SETTINGS,
    Choice,
    DataSettings,
    TrainSettings,
)
from ardsl.model.values import MOST, describe, evaluate, is_integer, is_number, options
from ardsl.relations import OrderMixture


@dataclass(frozen=True)
class Numeric:
    """A number's type and range, as messages say it. An open end is not itself allowed."""

    expected: str
    low: float
    high: float = math.inf
    whole: bool = False
    open_low: bool = False
    open_high: bool = False

    def accepts(self, value: object) -> bool:
        if not (is_integer(value) if self.whole else is_number(value)):
            return False
        above = self.low < value if self.open_low else self.low <= value  # type: ignore[operator]
        below = value < self.high if self.open_high else value <= self.high  # type: ignore[operator]
        return bool(above and below)

    def fitted(self, value: Any) -> int | float:
        return int(value) if self.whole else float(value)


_POSITIVE = Numeric("a number above 0", 0, open_low=True)
_NONNEGATIVE = Numeric("a number of at least 0", 0)
_BELOW_ONE = Numeric("a number from 0 up to, not including, 1", 0, 1, open_high=True)
_SHARE = Numeric("a path, or a share between 0 and 1", 0, 1, open_low=True, open_high=True)
_FACTOR = Numeric("a number above 0, and at most 1", 0, 1, open_low=True)
_AT_LEAST_ONE = Numeric("an integer of at least 1", 1, MOST, whole=True)
_STEPS = Numeric("an integer of at least 0", 0, MOST, whole=True)

_COMMON = {"rate": _POSITIVE, "weight_decay": _NONNEGATIVE}
_ADAM = _COMMON | {"beta1": _BELOW_ONE, "beta2": _BELOW_ONE}
OPTIMIZERS: Mapping[str, Mapping[str, Numeric]] = {
    "adam": _ADAM,
    "adamw": _ADAM,
    "sgd": _COMMON | {"momentum": _BELOW_ONE},
    "rmsprop": _COMMON,
    "adagrad": _COMMON,
    "adadelta": _COMMON,
}
SCHEDULES: Mapping[str, Mapping[str, Numeric]] = {
    "constant": {},
    "cosine": {"warmup": _STEPS},
    "linear": {"warmup": _STEPS},
    "exponential": {"factor": _FACTOR},
    "plateau": {"factor": Numeric("a number between 0 and 1", 0, 1, open_low=True, open_high=True), "patience": _STEPS},
}
ESTIMATORS: Mapping[str, Mapping[str, Numeric]] = {"score": {}, "relaxed": {"temperature": _POSITIVE}}
_NUMBERS = {
    "batch": _AT_LEAST_ONE,
    "window": _AT_LEAST_ONE,
    "epochs": _STEPS,
    "patience": _AT_LEAST_ONE,
    "clip": _POSITIVE,
    "accumulate": _AT_LEAST_ONE,
    "ema": _BELOW_ONE,
    "samples": _AT_LEAST_ONE,
    "anneal": _STEPS,
    "free_bits": _NONNEGATIVE,
    "seed": _STEPS,
}


def check_data(
    block: syntax.BlockStatement | None, variables: dict[str, Draft], orders: Mapping[str, OrderMixture], scope: Scope
) -> DataSettings:
    """The ``data`` block; a setting that is unusable is reported and left at its default."""
    settings = DataSettings()
    if block is None:
        return settings
    columns: dict[str, str | tuple[str, ...]] = {}
    there = [name for name, variable in variables.items() if variable.kind != "latent"]
    for setting in _distinct(block, scope):
        name = setting.name.text
        if name in DATA_SETTINGS:
            value = _data_value(setting, scope)
            if value is not None:
                changed: dict[str, Any] = {name: value}
                settings = replace(settings, **changed)
            if value == "marginalize" and not any(order.train_all for order in orders.values()):
                help = 'declare `order x by any(orders = 8, train = "all")`'
                scope.report(rules.MARGINALIZE_NEEDS_ORDERS.at(setting.value.span, help=help))
        elif name in there:
            column = _columns(setting, variables[name], scope)
            if column is not None:
                columns[name] = column
        elif name not in scope.broken:
            hidden = f"`{name}` is latent: there are no data of it" if name in variables else None
            _unknown(setting, block, [*DATA_SETTINGS, *there], scope, hidden)
    return replace(settings, columns=columns)


def check_train(block: syntax.BlockStatement | None, scope: Scope) -> TrainSettings:
    """The ``train`` block; a setting that is unusable is reported and left at its default."""
    settings = TrainSettings()
    for setting in _distinct(block, scope) if block is not None else ():
        name = setting.name.text
        if name in LATER_SETTINGS:
            scope.report(names.NOT_BUILT_YET.at(setting.span, feature=f"the setting `{name}`"))
        elif name in TRAIN_SETTINGS:
            value = _TRAIN[name](setting, scope)
            if value is not None:
                changed: dict[str, Any] = {name: value}
                settings = replace(settings, **changed)
        elif block is not None:
            _unknown(setting, block, TRAIN_SETTINGS, scope)
    return settings


def _distinct(block: syntax.BlockStatement, scope: Scope) -> list[syntax.Setting]:
    first: dict[str, Span] = {}
    distinct = []
    for setting in block.settings:
        name = setting.name.text
        if name in first:
            others = [(first[name], "first declared here")]
            scope.report(names.DECLARED_TWICE.at(setting.name.span, what=f"the setting `{name}`", others=others))
        else:
            first[name] = setting.name.span
            distinct.append(setting)
    return distinct


def _unknown(
    setting: syntax.Setting,
    block: syntax.BlockStatement,
    known: list[str] | tuple[str, ...],
    scope: Scope,
    help: str | None = None,
) -> None:
    name = setting.name.text
    other = "train" if block.kind == "data" else "data"
    if name in (TRAIN_SETTINGS if other == "train" else DATA_SETTINGS):
        help = f"`{name}` belongs in `{other} {{ … }}`"
    else:
        help = help or scope.did_you_mean(name, known) or ""
    notes = [f"its settings are {', '.join(f'`{word}`' for word in known[:20])}"]
    rule = rules.UNKNOWN_SETTING
    scope.report(rule.at(setting.name.span, block=block.kind, name=name, help=help or None, notes=notes))


def _refuse(setting: syntax.Setting, expected: str, value: object, scope: Scope, span: Span | None = None) -> None:
    values: dict[str, Any] = {"name": setting.name.text, "expected": expected, "actual": describe(value)}
    scope.report(rules.SETTING_VALUE.at(span or setting.value.span, **values))


def _data_value(setting: syntax.Setting, scope: Scope) -> str | float | bool | None:
    if setting.name.text == "missing":
        return _word(setting, MISSING, "treatment of missing values", scope)
    value = evaluate(setting.value, scope)
    if value is None:
        return None
    if setting.name.text == "dequantize":
        return value if isinstance(value, bool) else _refuse(setting, "true or false", value, scope)
    if setting.name.text == "rate":
        accepted = _AT_LEAST_ONE.accepts(value)
        return int(value) if accepted else _refuse(setting, _AT_LEAST_ONE.expected, value, scope)  # type: ignore[arg-type]
    if setting.name.text == "valid" and is_number(value):
        if _SHARE.accepts(value):
            return float(value)  # type: ignore[arg-type]
        return _refuse(setting, _SHARE.expected, value, scope)
    if not isinstance(value, str) or not value.partition("#")[0] or "\0" in value:
        expected = _SHARE.expected if setting.name.text == "valid" else 'a path, `"PATH"` or `"PATH#KEY"`'
        return _refuse(setting, expected, value, scope)
    return str(value)


def _columns(setting: syntax.Setting, variable: Draft, scope: Scope) -> str | tuple[str, ...] | None:
    value = evaluate(setting.value, scope)
    if value is None:
        return None
    if isinstance(value, str) and value:
        return str(value)
    listed = len(variable.shape) == 1
    if not isinstance(value, tuple) or not listed or not all(isinstance(item, str) and item for item in value):
        expected = "a column or key, or a list of columns" if listed else "a column or key"
        return _refuse(setting, expected, value, scope)
    if len(value) != variable.size:
        elements = f"{variable.size:,} {'field' if variable.is_record else 'element'}{'s' if variable.size > 1 else ''}"
        given = f"{len(value):,} {'column is' if len(value) == 1 else 'columns are'}"
        values = {"name": variable.name, "elements": elements, "given": given}
        scope.report(rules.COLUMN_COUNT.at(setting.value.span, others=[(variable.span, "declared here")], **values))
        return None
    return tuple(str(item) for item in value)


def _word(setting: syntax.Setting, known: tuple[str, ...], what: str, scope: Scope) -> str | None:
    """One of the ``known`` words, bare or in quotes."""
    expression = setting.value
    bare = isinstance(expression, syntax.Reference) and expression.name in known
    value: Value | None = expression.name if bare else evaluate(expression, scope, words=True)  # type: ignore[union-attr]
    if value is None or value in known:
        return None if value is None else str(value)
    if not isinstance(value, str):
        return _refuse(setting, f"one of {', '.join(f'`{word}`' for word in known)}", value, scope)
    notes = [f"there are {', '.join(f'`{word}`' for word in known)}"]
    help = scope.did_you_mean(value, known)
    scope.report(rules.UNKNOWN_CHOICE.at(expression.span, what=what, name=value, help=help, notes=notes))
    return None


def _choice(setting: syntax.Setting, known: Mapping[str, Mapping[str, Numeric]], scope: Scope) -> Choice | None:
    """A named choice with options of its own: ``adam(rate = 1e-3)``."""
    expression = setting.value
    if isinstance(expression, syntax.Call):
        name, span = expression.function.text, expression.function.span
        given = options(expression, scope)
    else:
        word = _word(setting, tuple(known), setting.name.text, scope)
        return None if word is None else Choice(word, _defaults(setting.name.text, word, {}))
    if name not in known:
        notes = [f"there are {', '.join(f'`{each}`' for each in known)}"]
        help = scope.did_you_mean(name, known)
        scope.report(rules.UNKNOWN_CHOICE.at(span, what=setting.name.text, name=name, help=help, notes=notes))
        return None
    if given is None:
        return None
    values: dict[str, int | float] = {}
    sound = True
    for option, (value, place) in given.items():
        numeric = known[name].get(option)
        if numeric is None:
            argument = next(a.name for a in expression.arguments if a.name is not None and a.name.text == option)
            help = scope.did_you_mean(option, known[name])
            notes = [f"its options are {', '.join(f'`{each}`' for each in known[name])}"] if known[name] else []
            rule = rules.UNKNOWN_OPTION
            scope.report(rule.at(argument.span, choice=name, name=option, help=help, notes=notes))
            sound = False
        elif not numeric.accepts(value):
            values_: dict[str, Any] = {"name": option, "expected": numeric.expected, "actual": describe(value)}
            scope.report(rules.SETTING_VALUE.at(place, **values_))
            sound = False
        else:
            values[option] = numeric.fitted(value)
    return Choice(name, _defaults(setting.name.text, name, values)) if sound else None


def _defaults(setting: str, name: str, given: dict[str, int | float]) -> dict[str, int | float]:
    """An optimizer has a rate in any case."""
    return {"rate": 1e-3, **given} if setting == "optimizer" else given


def _number(setting: syntax.Setting, scope: Scope) -> int | float | None:
    numeric = _NUMBERS[setting.name.text]
    value = evaluate(setting.value, scope)
    if value is None:
        return None
    if not numeric.accepts(value):
        return _refuse(setting, numeric.expected, value, scope)
    return numeric.fitted(value)


def _precision(setting: syntax.Setting, scope: Scope) -> str | None:
    if isinstance(setting.value, syntax.Number) and str(setting.value.value) in PRECISIONS:
        return str(setting.value.value)
    return _word(setting, PRECISIONS, "precision", scope)


_TRAIN: dict[str, Callable[[syntax.Setting, Scope], Any]] = {
    "optimizer": lambda setting, scope: _choice(setting, OPTIMIZERS, scope),
    "schedule": lambda setting, scope: _choice(setting, SCHEDULES, scope),
    "estimator": lambda setting, scope: _choice(setting, ESTIMATORS, scope),
    "precision": _precision,
    **{name: _number for name in _NUMBERS},
}

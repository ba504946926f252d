"""Sweeps: a spec trained for many values of its parameters, one run folder for each, and a table of them all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

from ardsl.data.splits import load_data
from ardsl.diagnostics import Diagnostic, Source
from ardsl.diagnostics.rules.data import NO_SOURCE
from ardsl.errors import SpecError, data_error
from ardsl.runs.folder import check_earlier
from ardsl.runs.locks import locked
from ardsl.runs.reading import read_run
from ardsl.spec import Spec, as_spec, diagnose
from ardsl.system.devices import find_device
from ardsl.training.fit import TrainingError, fit
from ardsl.training.progress import Progress
from ardsl.training.sweeps.results import Ended, Result, params_text, ranked, read_results, run_name, write_results
from ardsl.training.sweeps.search import Space, check_search, grid, holds, make_space, parameters, propose, size

_REPEATS = 100
"""Proposals in a row that have been tried before, after which a search has nothing more to try."""


def sweep(
    spec: Spec,
    over: Mapping[str, Any],
    data: Any = None,
    out: str | Path | None = None,
    *,
    trials: int | None = None,
    epochs: int | None = None,
    device: str | torch.device = "auto",
    seed: int | None = None,
    precision: str | None = None,
    data_dir: str | Path | None = None,
    progress: bool = True,
    checkpoint_every: float = 60.0,
    tensorboard: bool = False,
) -> list[Result]:
    """The runs of a spec for every combination of values, the lowest validation loss first.

    ``over`` has a list of values for each parameter to vary: ``{"width": [64, 128], "depth": [1, 2]}``. With ``trials``
    optuna chooses so many combinations, and an ``ardsl.training.sweeps.search.Range`` is one more thing to choose from.
    ``out`` is the folder of the sweep, by default ``sweeps/NAME``: it holds a run folder for each, and ``results.csv``,
    written after each run. A run that diverges is a row of the table. The other arguments are those of
    :func:`ardsl.fit`.

    The same call resumes a sweep that was cut short: what has ended is not trained again.
    """
    source, overrides = as_spec(spec).source, spec.overrides
    options = {"device": device, "checkpoint_every": checkpoint_every, "tensorboard": tensorboard}
    training = {"epochs": epochs, "seed": seed, "precision": precision}
    return Sweep(source, overrides, over, data, out, data_dir, trials, training, options, progress).run()


class _LastStep(Callback):
    """Hears a Ctrl-C in the very last step of a training, which ends all the same: the sweep is to end with it."""

    interrupted = False

    def on_train_end(self, trainer: Any, learner: Any) -> None:
        self.interrupted |= learner.interrupted is not None


class Sweep:
    """A sweep that can begin: its specs are checked, and what has ended before is known."""

    def __init__(
        self,
        source: Source,
        overrides: Mapping[str, Any],
        over: Mapping[str, Any],
        data: Any,
        out: str | Path | None,
        data_dir: str | Path | None,
        trials: int | None,
        training: Mapping[str, Any],
        options: Mapping[str, Any],
        progress: bool,
    ) -> None:
        self.source, self.data, self.data_dir, self.trials = source, data, data_dir, trials
        self.training, self.options, self.shown = training, options, progress
        self.progress = Progress(0, shown=progress)
        self._last_step = _LastStep()
        self._overrides = {name: value for name, value in overrides.items() if name not in over}
        find_device(options.get("device", "auto"))
        declared = parameters(source, self._overrides)
        self.space: Space = make_space(declared, over)
        check_search(self.space, trials)
        first, self.warnings = self._check_specs()
        self._seed = first.model.train.seed if training["seed"] is None else training["seed"]
        self.directory = Path("sweeps", first.name) if out is None else Path(out)
        earlier = read_results(self.directory, {name: declared[name] for name in self.space})
        self.results = [result for result in earlier if self._stands(result)]
        for params in grid(self.space):
            directory = self.directory / run_name(params)
            if directory.is_dir() and (spec := self._spec(params)) is not None:
                check_earlier(directory, spec, self._recorded_options(spec))
        if load_data(first, data, data_dir=data_dir).valid is None:
            help = "a sweep compares its runs by it; give --data valid=PATH, or a share of the training data: valid=0.1"
            raise data_error(NO_SOURCE, split="valid", help=help)

    def run(self) -> list[Result]:
        """Train what has not ended yet. Raises ``KeyboardInterrupt`` where the user wants to end."""
        with locked(self.directory, "working on a sweep"):
            for params in self._search() if self.trials is not None else self._grid():
                self._add(params)
                if self._last_step.interrupted:
                    raise KeyboardInterrupt
        return ranked(self.results)

    # What is known before the first training

    def _check_specs(self) -> tuple[Spec, list[Diagnostic]]:
        """The first spec, and the warnings of all specs. Raises ``SpecError`` where a combination is rejected."""
        every = list(grid(self.space))
        warnings: dict[Any, list[tuple[Diagnostic, dict[str, Any]]]] = {}
        first = None
        for params in every:
            diagnostics, spec = diagnose(self.source, self._overrides | params)
            first = first or spec
            for reported in diagnostics:
                warnings.setdefault((reported.code, reported.message, reported.labels), []).append((reported, params))
        distinct = []
        for (diagnostic, params), *others in warnings.values():
            not_all = len(others) + 1 < len(every)
            notes = (*diagnostic.notes, *([f"this is so with {params_text(params)}"] if not_all else []))
            distinct.append(replace(diagnostic, notes=notes))
        if first is None or any(reported.severity == "error" for reported in distinct):
            raise SpecError(distinct)
        return first, distinct

    def _spec(self, params: Mapping[str, Any]) -> Spec | None:
        return diagnose(self.source, {**self._overrides, **params})[1]

    def _recorded_options(self, spec: Spec) -> dict[str, Any]:
        """The options of a run of this sweep, as its folder keeps them."""
        own, given = spec.model.train, self.training
        return {
            "epochs": own.epochs if given["epochs"] is None else given["epochs"],
            "seed": own.seed if given["seed"] is None else given["seed"],
            "precision": own.precision if given["precision"] is None else str(given["precision"]),
        }

    def _stands(self, result: Result) -> bool:
        """Says whether an earlier row is one of this sweep. Raises ``DataError`` where its run was of something
        else."""
        spec = self._spec(result.params)
        if spec is None or result.ended == "rejected":
            return spec is None and result.ended == "rejected"
        earlier = check_earlier(result.directory, spec, self._recorded_options(spec))
        return earlier == "ended" or (earlier == "begun" and result.ended == "diverged")

    # The runs

    def _grid(self) -> Iterator[dict[str, Any]]:
        every = list(grid(self.space))
        for number, params in enumerate(every, 1):
            if not self._tried(params):
                self._announce(number, len(every), params)
                yield params

    def _search(self) -> Iterator[dict[str, Any]]:
        while (number := len(self._inside())) < min(self.trials or 0, size(self.space)):
            params = self._proposal()
            if params is None:
                self.progress.say("the search proposes nothing that has not been tried")
                return
            self._announce(number + 1, self.trials or 0, params)
            yield params

    def _proposal(self) -> dict[str, Any] | None:
        known = [(result.params, result.loss) for result in self._inside()]
        for repeat in range(_REPEATS):
            params = propose(self.space, known, (self._seed, len(known), repeat))
            if not self._tried(params):
                return params
        return None

    def _inside(self) -> list[Result]:
        """The results that the search can learn from: an earlier one may have had wider ranges."""
        return [result for result in self.results if holds(self.space, result.params)]

    def _tried(self, params: Mapping[str, Any]) -> bool:
        return any(result.params == params for result in self.results)

    def _announce(self, number: int, total: int, params: Mapping[str, Any]) -> None:
        self.progress.say(f"[{number}/{total}] {run_name(params)}")

    def _add(self, params: dict[str, Any]) -> None:
        """The run of a combination, and its row in the table."""
        directory = self.directory / run_name(params)
        started = time.perf_counter()
        spec = self._spec(params)
        ended: Ended = "rejected"
        figures: Mapping[str, Any] = {}
        if spec is not None:
            ended, figures = self._train(spec, directory)
            figures = {"parameters": spec.plan.parameters, "seconds": round(time.perf_counter() - started, 3)} | figures
        else:
            self.progress.say("the spec with these params is rejected")
        valid = figures.get("valid", {})
        result = Result(
            1 + max((result.number for result in self.results), default=0),
            params,
            valid.get("nll"),
            valid.get("standard_error"),
            figures.get("best_epoch"),
            figures.get("seconds"),
            figures.get("parameters"),
            ended,
            directory,
        )
        self.results.append(result)
        write_results(self.directory, list(self.space), self.results)

    def _train(self, spec: Spec, directory: Path) -> tuple[Ended, dict[str, Any]]:
        """Why the training ended, and the figures of its folder: none where no epoch was good."""
        try:
            run = fit(
                spec,
                self.data,
                directory,
                data_dir=self.data_dir,
                callbacks=[self._last_step],
                progress=self.shown,
                resume=True,
                **self.training,
                **self.options,
            )
        except TrainingError as error:
            self.progress.say(str(error))
            return "diverged", dict(read_run(directory).get("figures", {}))
        if run.stopped == "interrupted":
            raise KeyboardInterrupt
        return run.stopped, dict(read_run(directory)["figures"])

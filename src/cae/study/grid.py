"""The trials that are chosen from a plan, each with its whole configuration."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.data.images import Dataset
from cae.data.splits import draw_splits
from cae.errors import ConfigError
from cae.presets import split_setting
from cae.study.cost import choose_equal_epochs, count_finetuning, count_pretraining
from cae.study.plan import PLANS, Arm
from cae.study.recipes import (
    ENCODERS,
    change,
    choose_schedule,
    make_recipe,
    set_epochs,
)
from cae.study.trials import NO_PRETRAINING, Cell, Trial
from cae.wording import suggest

logger = logging.getLogger(__name__)

# Whole epochs cannot cost exactly the same; beyond this ratio there is a warning.
_MOST_UNEQUAL = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is chosen from a plan.

    Attributes:
        plan: "labels" or "origin".
        encoder: "origin" or "optimal".
        schedule: how long to train, by name.
        full: take the whole grid, not just the part that two cores can do. If `arms`,
            `pretrainings` or `budgets` are given, these choose from the whole grid too.
        seeds: the seeds to train with.
        seeds_at_all: with all labels, only seeds below this number are used.
        pretrain_epochs, finetune_epochs: replace those of the schedule.
        settings: `key=value` each, for both stages of every trial.
    """

    plan: str = "labels"
    encoder: str = "origin"
    schedule: str = "two-cores"
    full: bool = False
    arms: Sequence[str] = ()
    pretrainings: Sequence[str] = ()
    budgets: Sequence[int | None] = ()
    seeds: Sequence[int] = tuple(range(7))
    seeds_at_all: int = 3
    pretrain_epochs: int | None = None
    finetune_epochs: int | None = None
    settings: Sequence[str] = ()


def make_grid(choice: Choice, dataset: Dataset) -> list[Cell]:
    """Return the cells that are chosen, seed by seed, few labels first.

    With the same seed and label budget, all arms share the labelled images, their order and the
    head's initial weights. All pretrainings cost the same computation, as nearly as whole epochs
    allow. So do the additional epochs of the arm that has the whole budget, compared with the arm
    from scratch.

    Raises:
        ConfigError: the choice names something that the plan does not have, or chooses nothing.
        DataError: there are too few images for it.
    """
    pairs = _choose_pairs(choice)
    maker = _Maker(choice, dataset)
    budgets = maker.choose_budgets()
    cells = [
        maker.make_cell(arm, pretraining, budget, seed)
        for seed in choice.seeds
        for budget in budgets
        if budget is not None or seed < choice.seeds_at_all
        for arm, pretraining in pairs
    ]
    if not cells:
        raise ConfigError(
            "no trial is chosen: --seeds and --seeds-at-all leave no seed; raise them"
        )
    return cells


def _choose_pairs(choice: Choice) -> list[tuple[str, str]]:
    """Return the pairs of arm and pretraining that are chosen."""
    _require_known("--plan", [choice.plan], PLANS)
    _require_known("--encoder", [choice.encoder], ENCODERS)
    plan = PLANS[choice.plan]
    if choice.plan == "origin" and choice.encoder != "origin":
        raise ConfigError(f"--encoder {choice.encoder}: the plan 'origin' uses only the origin's")
    _require_known("--arm", choice.arms, plan.arms)
    _require_known("--pretraining", choice.pretrainings, plan.pretrainings)
    chosen = bool(choice.arms or choice.pretrainings)
    pairs = [
        (arm, pretraining)
        for arm, pretraining in (plan.whole if choice.full or chosen else plan.usual)
        if not choice.arms or arm in choice.arms
        if not choice.pretrainings or pretraining in (NO_PRETRAINING, *choice.pretrainings)
    ]
    if not pairs:
        raise ConfigError(
            f"no trial is chosen: {', '.join(choice.arms)} is never made after "
            f"{', '.join(choice.pretrainings)}; choose another --arm or --pretraining"
        )
    return pairs


class _Maker:
    """Makes the trials of one choice on one data set."""

    def __init__(self, choice: Choice, dataset: Dataset) -> None:
        self._choice, self._plan, self._source = choice, PLANS[choice.plan], dataset.source
        where = {"plan": choice.plan, "source": dataset.source}
        self._recipe = make_recipe(choice.encoder, **where, settings=choice.settings)
        self._schedule = choose_schedule(choice.schedule, encoder=choice.encoder, **where)
        self._dataset, train = dataset, draw_splits(dataset, _make_data(None, seed=0)).train
        self._class_counts, self._images = train.class_counts(), len(train)
        self._pretraining_images = self._images + _count_unlabelled(dataset)
        epochs = choice.pretrain_epochs or self._schedule.choose_pretrain_epochs(
            self._pretraining_images
        )
        plain = set_epochs(self._recipe.autoencoder, epochs)
        self._pretraining_flops = count_pretraining(plain, images=self._pretraining_images)
        self._pretrainings: dict[str, tuple[AutoencoderConfig, float]] = {}

    def choose_budgets(self) -> list[int | None]:
        """Return the chosen label budgets, or else the plan's for which there are enough labels."""
        smallest = int(self._class_counts.min())
        usual, whole = (
            [budget for budget in budgets if budget is None or budget <= smallest]
            for budgets in (self._plan.usual_budgets, self._plan.whole_budgets)
        )
        default = whole if self._choice.full or len(usual) < 2 else usual
        for budget in self._choice.budgets:
            draw_splits(self._dataset, _make_data(budget, seed=0))  # refuses too large a budget
        budgets = self._choice.budgets or default
        few = sorted({budget for budget in budgets if budget is not None})
        return [*few, *([None] if None in budgets else [])]

    def make_cell(self, arm: str, pretraining: str, budget: int | None, seed: int) -> Cell:
        """Return the cell of an arm after a pretraining, with `budget` labels per class."""
        classifier = self._make_classifier(self._plan.arms[arm], budget, seed)
        trial = Trial(
            source=self._source,
            data=_make_data(budget, seed=seed),
            # The encoder is the same in every arm, without the noise or the mask of its
            # pretraining: the arms differ only in where its weights come from.
            autoencoder=change(self._recipe.autoencoder, seed=seed),
            classifier=classifier,
            pretraining=None
            if pretraining == NO_PRETRAINING
            else self._pretrain(pretraining, seed),
            flops=self._count(classifier, budget),
        )
        choice = self._choice
        return Cell(choice.plan, choice.encoder, pretraining, arm, budget, seed, trial)

    def _pretrain(self, name: str, seed: int) -> Trial:
        if name not in self._pretrainings:
            self._pretrainings[name] = self._make_pretraining(name)
        config, flops = self._pretrainings[name]
        data, config = _make_data(None, seed=seed), change(config, seed=seed)
        return Trial(source=self._source, data=data, autoencoder=config, flops=flops)

    def _make_pretraining(self, name: str) -> tuple[AutoencoderConfig, float]:
        """Return a pretraining with as many epochs as cost what the plain one costs, and its cost.

        The number of epochs is rounded, and is at least one.
        """
        changes = dict(self._plan.pretrainings[name])
        if name in self._plan.masked:
            changes = {**self._recipe.mask, **changes}
        one = set_epochs(change(self._recipe.autoencoder, **changes), 1)
        flops = count_pretraining(one, images=self._pretraining_images)
        config = set_epochs(one, max(1, round(self._pretraining_flops / flops)))
        flops = count_pretraining(config, images=self._pretraining_images)
        ratio = flops / self._pretraining_flops
        if not 1 / _MOST_UNEQUAL < ratio < _MOST_UNEQUAL:
            logger.warning(
                "pretraining %s costs %.2f times what the plain one does, because epochs are "
                "whole; more --pretrain-epochs bring them closer",
                name,
                ratio,
            )
        return config, flops

    def _make_classifier(self, arm: Arm, budget: int | None, seed: int) -> ClassifierConfig:
        images_per_class = int(self._class_counts.mean())
        lesson = self._schedule.choose_lesson(budget, images_per_class=images_per_class)
        batch_size = self._recipe.classifier.batch_size
        settings = map(split_setting, self._choice.settings)
        if not {("", "batch_size"), ("classifier", "batch_size")} & set(settings):
            batch_size = lesson.batch_size or batch_size
        changed = change(self._recipe.classifier, **arm.changes, seed=seed, batch_size=batch_size)
        config = set_epochs(changed, self._choice.finetune_epochs or lesson.epochs)
        if not arm.has_whole_budget:
            return config
        epochs = choose_equal_epochs(
            lambda epochs: self._count(change(config, epochs=epochs), budget),
            epochs=config.epochs,
            more=self._pretraining_flops,
        )
        return change(config, epochs=epochs)

    def _count(self, config: ClassifierConfig, budget: int | None) -> float:
        counts = self._class_counts
        present = int(np.count_nonzero(counts))
        images = self._images if budget is None else budget * present
        if budget is None and config.class_balance == "sampling":
            images = int(counts.max()) * present
        return count_finetuning(
            self._recipe.autoencoder, config, images=images, num_classes=len(counts)
        )


def _count_unlabelled(dataset: Dataset) -> int:
    return 0 if dataset.unlabelled is None else len(dataset.unlabelled)


def _make_data(labels_per_class: int | None, *, seed: int) -> DataConfig:
    """Return the origin's split, which is the same for every seed; the seed chooses the labels."""
    labelled_seed = None if labels_per_class is None else seed
    return DataConfig(labels_per_class=labels_per_class, labelled_seed=labelled_seed)


def _require_known(option: str, given: Sequence[str], known: Iterable[str]) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            raise ConfigError(f"{option} {name}: unknown{suggest(name, names)}")

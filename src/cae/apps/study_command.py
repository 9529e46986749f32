"""The command `cae study`: its options, and the way from them to what it does."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from cae.apps import options
from cae.apps.failures import failures_told
from cae.apps.progress import Loading


def study(
    plan: Annotated[
        str,
        typer.Option(
            "--plan",
            metavar="NAME",
            help="The question: labels (does an autoencoder first help, at which number of "
            "labels?) or origin (the origin's own comparisons: seven regularisations, then "
            "augmentation, dropout, all layers, and ways to make up for the thinned classes).",
        ),
    ] = "labels",
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME", help="Which encoder: origin or optimal.")
    ] = "origin",
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            metavar="N",
            help="Labels of each class that the classifier may use, or all; may be repeated.  "
            "[default: 100, 400 and all, as far as there are labels; else more and smaller ones]",
        ),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            metavar="NAME",
            help="What is done with the encoder; may be repeated: scratch, "
            "scratch_whole_budget, linear_probe, frozen, fine_tuned (plan origin: scratch, frozen, "
            "no_augmentation, head_dropout, all_layers, class_weights, balanced_sampling, "
            "logit_adjustment).  [default: what two cores can do in a few hours; --dry-run shows "
            "it]",
        ),
    ] = None,
    pretraining: Annotated[
        list[str] | None,
        typer.Option(
            "--pretraining",
            metavar="NAME",
            help="After which pretraining; may be repeated: plain, denoising, masked, "
            "masked_pixels, unhidden (plan origin: unregularised, dropout_0.2, dropout_0.4, "
            "input_noise, hidden_noise, both_noises, activity_l1).  [default: as with --arm]",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All arms, pretrainings and label budgets of the plan.")
    ] = False,
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="N", help="How many seeds, or which: 7 is 0 to 6, 3-5 is 3 to 5."
        ),
    ] = "7",
    seeds_at_all: Annotated[
        int,
        typer.Option(
            "--seeds-at-all",
            metavar="N",
            min=0,
            help="With all labels, where a trial takes longest, only the seeds below this number.",
        ),
    ] = 3,
    schedule: Annotated[
        str,
        typer.Option("--schedule", metavar="NAME", help="How long to train: two-cores or gpu."),
    ] = "two-cores",
    pretrain_epochs: Annotated[
        int | None,
        typer.Option(
            "--pretrain-epochs",
            metavar="N",
            min=1,
            help="Epochs of the plain pretraining; the others get as many as cost the same.  "
            "[default: the schedule's]",
        ),
    ] = None,
    finetune_epochs: Annotated[
        int | None,
        typer.Option(
            "--finetune-epochs",
            metavar="N",
            min=1,
            help="Epochs of every classifier.  [default: the schedule's, more for fewer labels]",
        ),
    ] = None,
    settings: options.StudySettings = None,
    source: options.Data = "auto",
    skip_damaged: options.SkipDamaged = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    out: options.StudyOut = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", metavar="N", min=1, help="How many trials at once; they share the cores."
        ),
    ] = 1,
    backend: Annotated[
        str,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="What runs several trials at once: loky, or another backend of joblib that has "
            "processes of its own, such as dask.",
        ),
    ] = "loky",
    save_every: options.SaveEvery = 30.0,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the grid and about how long it takes, and end."),
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find out whether an autoencoder first helps, with controls and seeds.

    Trains every trial of a grid, each in its own folder under OUT/trials. Finished trials are not
    repeated, interrupted ones resume, and a trial that fails does not end the study. Several calls
    with the same --out, on several machines too, add up to one study.

    \b
    Examples:
      cae study --dry-run
      cae study --labels 100 --arm scratch --arm fine_tuned --seeds 3
      cae study --plan origin
    """
    with failures_told(debug=debug):
        with Loading():
            from cae.apps.study import StudyRequest, parse_budgets, parse_seeds
            from cae.apps.study import study as carry_out
            from cae.study.grid import Choice
            from cae.study.runner import Workers
        request = StudyRequest(
            choice=Choice(
                plan=plan,
                encoder=encoder,
                schedule=schedule,
                full=full,
                arms=tuple(arm or ()),
                pretrainings=tuple(pretraining or ()),
                budgets=parse_budgets(labels or ()),
                seeds=parse_seeds(seeds),
                seeds_at_all=seeds_at_all,
                pretrain_epochs=pretrain_epochs,
                finetune_epochs=finetune_epochs,
                settings=tuple(settings or ()),
            ),
            source=source,
            skip_damaged=skip_damaged,
            device=device,
            precision=precision,
            out=out,
            workers=Workers(jobs, backend),
            save_every=save_every,
            command=shlex.join(["cae", *sys.argv[1:]]),
        )
        carry_out(request, dry_run=dry_run, as_json=as_json)

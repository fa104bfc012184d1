"""Fine-tune one encoder on one task, through the loop that trains everything else here.

tune -> items of the training sets (task_types.py) -> Loader -> training.loop.train -> the chosen epoch's weights
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from anyglot.data.labelled import LabelledBatch
from anyglot.data.loader import Loader
from anyglot.errors import UserError
from anyglot.evaluation.finetuning.predicting import BATCH_TOKENS, answered, windows
from anyglot.evaluation.finetuning.reading import Reader, open_reader
from anyglot.evaluation.finetuning.record import FILE, TuningRecord, find_record
from anyglot.evaluation.finetuning.settings import TuningSettings
from anyglot.evaluation.finetuning.task_types import KINDS, Item, TaskKind
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.task import Task
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS, read_tensors
from anyglot.models.task_model import TaskModel, save_task_model
from anyglot.reporting.provenance import commit
from anyglot.runtime import hashes
from anyglot.runtime.untrusted_files import is_there, number, parse_json, read_bytes, understood
from anyglot.text.templates import LANGUAGES
from anyglot.training.loop.checkpoint import refuse_changes, write_document
from anyglot.training.loop.options import (
    CheckpointOptions,
    RuntimeOptions,
    StageOptions,
    TrackingOptions,
    ValidationOptions,
)
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.state import load_model_tensors
from anyglot.training.loop.train import METRICS as LOG
from anyglot.training.loop.train import Trained, train
from anyglot.training.methods.understanding import Understanding, UnderstandingOptions
from anyglot.training.methods.understanding.method import STAGE

if TYPE_CHECKING:
    from accelerate import Accelerator

Examples = Callable[[], Iterator[Example]]
"""Opens a set of examples anew."""
WINDOW_BATCHES = 50
"""Batches whose examples are sorted by length together, so that hardly anything is padding."""


@dataclass(frozen=True)
class Tuned:
    """A finished fine-tuning.

    Attributes:
        folder: A model folder, with the head beside the encoder.
        epoch: The one whose weights were kept, from 1 on.
        scores: The dev scores after each epoch.
        tokens: Real tokens read in training.
    """

    folder: Path
    epoch: int
    scores: tuple[dict[str, float], ...]
    seconds: float
    tokens: int


def tune(
    model: str,
    task: Task,
    train_sets: Mapping[str, Examples],
    dev_sets: Mapping[str, Examples],
    folder: Path,
    settings: TuningSettings,
    *,
    identity: Mapping[str, str],
    quiet: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Tuned:
    """Fine-tune a model's encoder for a task; the folder is then a model folder with a head.

    A finished folder is returned as it is, an interrupted run goes on.

    Args:
        train_sets, dev_sets: Language -> examples. Without dev sets the last epoch is kept.
        identity: Hashes of the data and the like: what the result depends on besides `model` and `settings`.

    Raises:
        UserError: Nothing to train on, no such model, or the folder is of another fine-tuning.
        MissingToken: The model must be told languages and has no token for those of the training sets.
        Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    wanted = {
        "task": task.name,
        "languages": " ".join(train_sets),
        **{f"settings.{key}": json.dumps(value) for key, value in settings.document().items()},
        **identity,
    }
    finished = find_record(folder)
    if finished is not None:
        refuse_changes(finished.identity, wanted, folder, use="used again")
        return Tuned(folder, finished.epoch, finished.scores, finished.seconds, finished.tokens)
    encoder = load_encoder(model)
    reader = open_reader(local_folder(model), encoder, settings.protocol)
    if reader.limit < settings.protocol.max_length:
        wanted_length = settings.protocol.max_length
        say(f"{model} has {reader.limit} positions: rows are of at most so many tokens, not {wanted_length}")
    del encoder
    kind = KINDS[task.kind](task, reader)
    train_sets, dev_sets = (_told(reader, sets, say) for sets in (train_sets, dev_sets))
    corpora = {code: _items(kind, examples, code) for code, examples in train_sets.items()}
    loaders = _Loaders(kind, corpora, settings)
    per_epoch = loaders.stream(STAGE).batches(0)
    updates = per_epoch * settings.protocol.epochs
    if settings.max_updates is not None:
        updates = min(updates, settings.max_updates)
    count = sum(map(len, corpora.values()))
    say(f"{task.name}: {count:,} items of {', '.join(corpora)}, {updates:,} updates of {settings.protocol.batch}")
    method = Understanding(
        UnderstandingOptions(
            start=model,
            head=settings.head(task),
            dropout=settings.dropout,
            attention_dropout=settings.attention_dropout,
        )
    )
    validator = DevSets(task, kind, dev_sets, _counting(settings, train_sets, dev_sets)) if dev_sets else None
    choosing = validator is not None and settings.select != "last"
    plan = Plan(
        method=method,
        tokenizer=reader.tokenizer,
        streams=loaders.stream,
        folder=folder,
        stages={STAGE: _stage(settings, updates)},
        seed=settings.seed,
        identity=wanted,
        validator=validator,
        validation=ValidationOptions(every=per_epoch, metric="score"),
        checkpoints=CheckpointOptions(every=per_epoch, keep_last=1, keep_best=1 if choosing else 0),
        runtime=RuntimeOptions(precision=settings.precision),
        tracking=TrackingOptions(log_every=max(1, min(50, per_epoch))),
        quiet=quiet,
    )
    trained = train(plan, resume=True)
    chosen = _chosen_update(trained, choosing)
    record = TuningRecord(
        task=task.name,
        identity=wanted,
        settings=settings.document(),
        epoch=-(-chosen // per_epoch),
        scores=logged_scores(folder / LOG),
        updates=trained.progress.update,
        examples=count,
        tokens=_tokens_read(loaders, trained.progress.update),
        seconds=trained.progress.seconds,
        precision=trained.precision,
        commit=commit(),
    )
    if trained.main:
        _finish(folder, trained, chosen, plan, model, record)
    return Tuned(folder, record.epoch, record.scores, record.seconds, record.tokens)


def _told(reader: Reader, sets: Mapping[str, Examples], say: Callable[[str], None]) -> Mapping[str, Examples]:
    """The sets in languages that the model can be told.

    Raises:
        MissingToken: There is none in any of them.
    """
    left = {code: examples for code, examples in sets.items() if reader.framing.reads(code)}
    if sets and not left:
        reader.framing.frame(next(iter(sets)))  # says what is missing
    if len(left) < len(sets):
        without = ", ".join(code for code in sets if code not in left)
        say(f"left out, as the model has no token for their language: sets in {without}")
    return left


def _items(kind: TaskKind, examples: Examples, language: str) -> list[Item]:
    """All items of a training set; they are small: token ids and a class."""
    found: list[Item] = []
    for window in windows(examples()):
        found += kind.items(window, language, training=True)
    if not found:
        raise UserError(f"the training set in {language} holds no example that could be learned from.")
    return found


@dataclass(frozen=True)
class _Loaders:
    """Batches of `settings.protocol.batch` items, sorted by length inside windows that are shuffled."""

    kind: TaskKind
    corpora: Mapping[str, list[Item]]
    settings: TuningSettings

    def stream(self, stage: str, *, rank: int = 0, world: int = 1, accumulation: int = 1) -> Loader[LabelledBatch]:
        """As `training.stream.Streams`. With several ranks a batch is shared out: each takes its part of it."""
        lists = list(self.corpora.values())
        batch = max(1, self.settings.protocol.batch // world)

        def collate(corpora: Any, samples: Any, epoch: int, index: int) -> LabelledBatch:
            return self.kind.batch(
                [lists[corpus][sample] for corpus, sample in zip(corpora.tolist(), samples.tolist(), strict=True)]
            )

        return Loader(
            self.lengths,
            np.array([len(items) for items in lists], dtype=np.int64),
            collate,
            names=list(self.corpora),
            seed=self.settings.seed,
            batch_tokens=batch * max(int(lengths.max()) for lengths in self.lengths),
            max_sentences=batch,
            window=batch * WINDOW_BATCHES,
            rank=rank,
            world=world,
            accumulation=accumulation,
        )

    @property
    def lengths(self) -> list[Any]:
        """Tokens of every item of every corpus, (items, 1) each."""
        return [np.array([[item.length] for item in items], dtype=np.int32) for items in self.corpora.values()]


@dataclass(frozen=True)
class DevSets:
    """Scores the dev sets after every epoch (`training.plan.Validator`).

    Args:
        counting: Languages whose mean chooses the epoch.
    """

    task: Task
    kind: TaskKind
    sets: Mapping[str, Examples]
    counting: tuple[str, ...]

    def measure(self, accelerator: Accelerator, objective: nn.Module, model: nn.Module) -> dict[str, float]:
        """ "score", the mean over the languages that count, and "score.LANGUAGE", in per cent."""
        assert isinstance(model, TaskModel)
        scores = {code: self._score(accelerator, model, code) for code in self.sets}
        mean = float(np.mean([scores[code] for code in self.counting]))
        return {"score": mean, **{f"score.{code}": value for code, value in scores.items()}}

    def _score(self, accelerator: Accelerator, model: TaskModel, code: str) -> float:
        metric = METRICS[self.task.metric](self.task, code)
        sums = np.zeros(len(metric.statistics))
        tokens = BATCH_TOKENS.get(accelerator.device.type, BATCH_TOKENS["cuda"])
        for window in windows(self.sets[code]()):
            found = answered(model, self.kind, window, code, accelerator.device, accelerator.autocast, tokens)
            sums += metric.of(window, found).sum(axis=0)
        return float(metric.value(sums)[0])


def _counting(
    settings: TuningSettings, train_sets: Mapping[str, Examples], dev_sets: Mapping[str, Examples]
) -> tuple[str, ...]:
    """The dev sets that choose: those of the training languages, or all."""
    trained = tuple(code for code in dev_sets if code in train_sets)
    return trained if settings.select == "english" and trained else tuple(dev_sets)


def _stage(settings: TuningSettings, updates: int) -> StageOptions:
    """AdamW with linear decay, clipped at 1 (method card 6.1)."""
    protocol = settings.protocol
    return StageOptions(
        updates=updates,
        learning_rate=protocol.learning_rate,
        schedule="linear",
        warmup_updates=min(protocol.warmup_updates or round(protocol.warmup * updates), updates - 1),
        clip_norm=1.0,
        optimizer="adamw",
        weight_decay=protocol.weight_decay,
        betas=(0.9, 0.999),
        epsilon=1e-8,
    )


def _chosen_update(trained: Trained, choosing: bool) -> int:
    best = trained.progress.best
    if not choosing or not best:
        return trained.progress.update
    # Of equal scores the earliest, which is also the checkpoint that is kept.
    return min((int(update) for update in best), key=lambda update: (-best[str(update)], update))


def logged_scores(log: Path) -> tuple[dict[str, float], ...]:
    """The validations of a fine-tuning's log, in order: "score" and "score.LANGUAGE".

    Raises:
        UserError: It is missing or damaged.
    """
    lines = read_bytes(log).splitlines() if is_there(log) else []
    with understood(log, f"delete {log.parent} and fine-tune again"):
        # The log of a training that diverged at times holds infinite losses, and is none the worse.
        logged = [parse_json(line, finite=False) for line in lines]
        events = [event for event in logged if event["kind"] == "validation"]
        return tuple(
            {name: number(value) for name, value in event.items() if name.startswith("score")}  # always finite
            for event in events
        )


def _tokens_read(loaders: _Loaders, updates: int) -> int:
    """Real tokens of the items of so many updates."""
    loader = loaders.stream(STAGE)
    whole, rest = divmod(updates, loader.batches(0))
    lengths = loaders.lengths
    partial = (loader.plan(whole).indices(batch) for batch in range(rest))
    read = sum(int(lengths[c][s, 0]) for cs, ss in partial for c, s in zip(cs.tolist(), ss.tolist(), strict=True))
    return whole * sum(int(each.sum()) for each in lengths) + read


def _finish(folder: Path, trained: Trained, chosen: int, plan: Plan, model: str, record: TuningRecord) -> None:
    """Write the chosen epoch's weights; the record comes last, then the checkpoints go."""
    assert isinstance(trained.model, TaskModel)
    if chosen != trained.progress.update:
        tensors = read_tensors(folder / CHECKPOINTS / f"step-{chosen}" / "model.safetensors")
        load_model_tensors(trained.model, tensors)
    save_task_model(trained.model, folder)
    plan.tokenizer.save(folder)
    told = local_folder(model) / LANGUAGES  # whether its texts are told their language by a token
    if told.is_file():
        shutil.copyfile(told, folder / LANGUAGES)
    hashes.record(folder)
    write_document(folder / FILE, record.document())
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)

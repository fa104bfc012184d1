"""From a recipe to a model folder: tokenizer, data, training, and what lies in the folder afterwards."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from anyglot.data.build import Parts, Progress, build_loader, build_validation
from anyglot.data.corpus import ADDRESSES, MonolingualSource, ParallelSource, content_hash
from anyglot.errors import UserError
from anyglot.models.build import Model
from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS, FROZEN_WEIGHTS_FILE
from anyglot.models.pretrained.unfinished_runs import is_unfinished
from anyglot.models.prompt_files import FOLDER as PROMPTS
from anyglot.models.prompt_files import save_prompts
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.store import save_model
from anyglot.runtime import hashes
from anyglot.runtime.files import disk_errors
from anyglot.runtime.locks import held
from anyglot.runtime.progress import CorpusProgress
from anyglot.runtime.untrusted_files import is_there, read_json, text_of, understood
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import LANGUAGES, TOKENS, Frames, plain_frame
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.training.loop.checkpoint import refuse_changes, write_document
from anyglot.training.loop.distributed import first_process_first, is_first_process
from anyglot.training.loop.options import LAST
from anyglot.training.loop.plan import Longest, Plan
from anyglot.training.loop.train import Trained, train
from anyglot.training.loop.translating import TestSentences
from anyglot.training.loop.validation import Validation
from anyglot.training.recipe.base_models import START, as_saved, is_finished, recipe_of_start, started_from
from anyglot.training.recipe.load import load_recipe, save_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.record import RUN, languages_of, run_record
from anyglot.training.recipe.schema import LearnedTokenizer, Recipe
from anyglot.training.recipe.templates import frames_of_method, uses_language_tokens
from anyglot.training.recipe.validation_split import split_off
from anyglot.training.recipe.vocabulary import output_rows

logger = logging.getLogger(__name__)
TOKENIZER = "tokenizer"
# Keys that change where things lie or how they are shown, but not what comes out.
_WITHOUT_EFFECT = (
    "name",
    "tracking.trackers",
    "data.workers",
    "data.cache",
    "checkpoints.keep_last",
    "validation.shuffled_sources",
    "stages.*.encoder_cache.folder",
)


def run_recipe(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    command: str = "",
    say: Callable[[str], None] = logger.info,
) -> bool:
    """Train a recipe into `folder`, which is a model folder when this returns.

    A recipe it starts from is trained first, into `folder`/start, unless that is finished.

    The folder then holds config.json and model.safetensors, the tokenizer, languages.json, recipe.yaml (resolved; it
    can be run again), run.json, metrics.jsonl, and checkpoints/; of a model that is a frozen encoder with prompts also
    prompts/, all of it but the encoder.

    Args:
        resume: Go on where the run in the folder stopped; a finished run of this recipe and this text is left as it is.
        say: Is told what happens before the first update, in the first process.

    Returns:
        Whether this process wrote the model: False on all but the first of several, and if the run had been finished
        before and nothing was done.

    Raises:
        UserError: The folder is taken, another process writes it, the data is at fault, or training went wrong.
        Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    with held(folder):
        return _run(recipe, folder, resume=resume, quiet=quiet, command=command, say=say)


def _run(recipe: Recipe, folder: Path, *, resume: bool, quiet: bool, command: str, say: Callable[[str], None]) -> bool:
    if resume and is_finished(folder):
        _refuse_another(recipe, folder, use="resumed")
        say(f"The run in {folder} is finished; there is nothing to resume.")
        return False
    if not resume and ((folder / RUN).exists() or (folder / CHECKPOINTS).exists()):
        raise UserError(f"{folder} already holds a run; give `resume=True` to go on with it, or another folder.")
    first_process = is_first_process()
    say = say if first_process else logger.debug
    shown = first_process and not quiet
    with CorpusProgress(shown=shown) as progress:
        recipe = split_off(recipe, say, progress.show)
    origin = recipe_of_start(recipe)
    if origin is not None:
        start = folder / START
        if is_finished(start):
            _refuse_another(origin, start)
        else:
            outline(recipe)  # what is wrong with this recipe's model is told before hours go into its start
            told = partial(_say_of_start, say)
            _run(origin, start, resume=resume, quiet=quiet, command=command, say=told)
        recipe = started_from(recipe, start)
    elif recipe.start is not None and is_unfinished(Path(recipe.start).expanduser()):
        raise UserError(
            f"method.start {recipe.start} is a run that has not ended, so what it holds changes; end it, or start from "
            f"one of its checkpoints ({CHECKPOINTS}/step-N)."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with first_process_first() as first:
            tokenizer = prepare_tokenizer(recipe, folder, say)
            with CorpusProgress(shown=shown) as progress:
                plan = make_plan(recipe, folder, tokenizer, progress.show, quiet=quiet, say=say)
            if first:
                save_recipe(as_saved(recipe, folder), folder / "recipe.yaml")
                # From now on every checkpoint can be opened (`models/pretrained/unfinished_runs.py`).
                tokenizer.save(folder)
                tokens = {TOKENS: True} if uses_language_tokens(plan.method) else {}
                write_document(folder / LANGUAGES, languages_of(recipe) | tokens)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
    say("building the model" if recipe.start is None else f"building the model over {recipe.start}")
    trained = train(plan, resume=resume)
    if trained.main:
        finish(recipe, folder, plan, trained, command)
    return trained.main


def _tokenising(progress: Progress, name: str, lines: int, total: int | None) -> None:
    progress(f"tokenising {name}", lines, total)


def _say_of_start(say: Callable[[str], None], text: str) -> None:
    say(f"{START}: {text}")


def _refuse_another(origin: Recipe, folder: Path, use: str = "started from") -> None:
    """The run in `folder` is of this recipe and this text, and so are those it started from in turn."""
    further = recipe_of_start(origin)
    if further is not None:
        origin = started_from(origin, folder / START)
        if is_finished(folder / START):
            _refuse_another(further, folder / START)
    found, wanted = load_recipe(folder), split_off(origin, logger.debug)
    refuse_changes(recipe_identity(found), recipe_identity(wanted), folder, use=use)
    refuse_changes(*_texts_learned(found, wanted, folder), folder, use=use)


def _texts_learned(found: Recipe, wanted: Recipe, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of the corpora that a finished run learned from, and of those it is to have learned from.

    What stands under the same address (Hugging Face, phrasebook) is not read again.
    """
    pairs = zip(corpora_of(folder), found.data.train, wanted.data.train, strict=False)
    was, now = {}, {}
    for number, (known, before, after) in enumerate(pairs):
        if before.locations != after.locations or not after.locations[0].startswith(ADDRESSES):
            was[f"data.{number}.{after.name}"], now[f"data.{number}.{after.name}"] = known, content_hash(after)
    return was, now


def corpora_of(folder: Path) -> list[str]:
    """Hashes of the corpora that a finished run learned from, in the recipe's order.

    Raises:
        UserError: Its record is missing or damaged.
    """
    path = folder / RUN
    if not is_there(path):
        raise UserError(f"{path} is missing: train into another folder.")
    with understood(path, "train into another folder"):
        return [text_of(corpus["hash"]) for corpus in read_json(path, finite=False).get("corpora", [])]


def prepare_tokenizer(recipe: Recipe, folder: Path, say: Callable[[str], None]) -> TextTokenizer:
    """The tokenizer the recipe names; or the one it wants learned, learned once and kept in the run's folder."""
    wanted = recipe.tokenizer
    if not isinstance(wanted, LearnedTokenizer):
        place = wanted if wanted is not None else recipe.start
        assert place is not None  # the recipe's own check
        return load_tokenizer(place)
    learned, sizes = folder / TOKENIZER, wanted.train
    settings = json.loads(recipe.model_dump_json(include={"tokenizer", "seed"}))
    if _vouches(learned / "learned.json", settings):
        return load_tokenizer(learned)
    say(f"learning a tokenizer of {sizes.vocabulary_size} pieces")
    texts: Iterator[str | Path] = iter(sizes.files) if sizes.files else _texts(recipe)
    tokenizer = train_tokenizer(
        texts,
        sizes.vocabulary_size,
        learned,
        seed=recipe.seed,
        input_sentences=sizes.input_sentences,
        character_coverage=sizes.character_coverage,
    )
    write_document(learned / "learned.json", settings)  # last: it vouches for the rest
    return tokenizer


def _vouches(record: Path, settings: object) -> bool:
    """Whether a tokenizer was learned with these settings, to its end; a record nobody can read vouches for nothing."""
    try:
        return bool(read_json(record) == settings)
    except (FileNotFoundError, UserError):
        return False


def make_plan(
    recipe: Recipe,
    folder: Path,
    tokenizer: TextTokenizer,
    progress: Progress | None = None,
    *,
    quiet: bool,
    say: Callable[[str], None],
) -> Plan:
    """Read, check and lay out the data, and put everything together for the loop."""
    tokenising = None if progress is None else partial(_tokenising, progress)
    kind = recipe.kind
    method = recipe.build_method()
    frames = frames_of_method(recipe, method, tokenizer)
    parts: Parts = {
        "target_languages": recipe.target_languages,
        "groups": recipe.groups,
        "frames": frames,
        "infilling": recipe.infilling,
    }
    build = partial(build_loader, recipe.data, kind, tokenizer, recipe.seed, **parts)
    first = build(progress=tokenising)
    loaders = build_validation(recipe.data, kind, tokenizer, tokenising, **parts) if recipe.data.validation else {}
    for fact in first.facts:
        say(
            f"{fact.name}: {fact.sentences:,} samples, {fact.weight:.1%} of each epoch, {fact.skipped} empty, "
            f"{fact.dropped} too long, {fact.truncated} cut"
            + (f", {fact.alone:,} without a neighbour in their document" if fact.alone else "")
        )
    identity = recipe_identity(as_saved(recipe, folder))
    identity |= {f"data.{number}.{fact.name}": fact.content_hash for number, fact in enumerate(first.facts)}
    identity |= {"tokenizer fingerprint": tokenizer.fingerprint, "data fingerprint": first.fingerprint}
    rows = output_rows(recipe, tokenizer, say)
    if rows is not None:
        identity["vocabulary fingerprint"] = rows.fingerprint

    def streams(stage: str, *, rank: int, world: int, accumulation: int) -> Any:
        options = recipe.stages[stage]
        data = recipe.data
        if options.batch_tokens is not None:
            data = data.model_copy(update={"batch_tokens": options.batch_tokens})
        number = list(recipe.stages).index(stage)  # each stage meets the data in an order of its own
        place = (rank, world, accumulation)
        return build_loader(data, kind, tokenizer, recipe.seed + number, *place, **parts)

    validator = None
    if loaders:
        sentences = _test_sentences(recipe, tokenizer, frames) if kind == "translation" else {}
        batches = {name: loader.epoch for name, loader in loaders.items()}
        validator = Validation(batches, recipe.validation, tokenizer=tokenizer, sentences=sentences)
    return Plan(
        method=method,
        tokenizer=tokenizer,
        streams=streams,
        folder=folder,
        stages=recipe.stages,
        seed=recipe.seed,
        identity=identity,
        defaults=defaults_of(as_saved(recipe, folder)),
        validator=validator,
        validation=recipe.validation,
        checkpoints=recipe.checkpoints,
        runtime=recipe.runtime,
        tracking=recipe.tracking,
        longest=_longest(recipe),
        output_rows=rows,
        quiet=quiet,
    )


def recipe_identity(recipe: Recipe) -> dict[str, str]:
    """Dotted key -> value of everything that may not change on resuming; texts are known by hash, not by path."""
    values = recipe.document()
    del values["data"]["validation_split"]  # `split_off` has made corpora of it, which are compared
    if recipe.checkpoints.finish == LAST:  # runs of before there was a choice go on
        del values["checkpoints"]["finish"]
    for side in ("train", "validation"):
        for source in values["data"][side]:
            if source["hash_part"] is None:  # runs of before there were parts go on
                del source["hash_part"]
            source.pop("file", None)
            source.pop("files", None)
    flat = dict(_flattened(values, ()))
    return {key: value for key, value in flat.items() if not any(fnmatchcase(key, each) for each in _WITHOUT_EFFECT)}


def defaults_of(recipe: Recipe) -> frozenset[str]:
    """Dotted keys of the identity at which the recipe has its default."""
    given = dict(_flattened(recipe.model_dump(mode="json", exclude_defaults=True), ()))
    return frozenset(recipe_identity(recipe)) - frozenset(given)


def finish(recipe: Recipe, folder: Path, plan: Plan, trained: Trained, command: str) -> None:
    """Make the run's folder a model folder; run.json comes last and says that the run is over."""
    model = trained.model
    assert isinstance(model, Model)
    try:
        with disk_errors(folder):
            save_model(model, folder)
            (folder / CHECKPOINTS / FROZEN_WEIGHTS_FILE).unlink(missing_ok=True)  # the model holds them
            if isinstance(model, PromptedEncoder):
                save_prompts(model, folder / PROMPTS)
                write_document(folder / PROMPTS / LANGUAGES, languages_of(recipe))
                hashes.record(folder / PROMPTS)
            hashes.record(folder)
            write_document(folder / RUN, run_record(recipe, plan, trained, command))
    except UserError as error:
        raise UserError(
            f"{str(error).rstrip('.')}. Trained weights are safe in {folder / CHECKPOINTS}: run on with `resume=True`."
        ) from error


def _longest(recipe: Recipe) -> tuple[Longest, ...]:
    """The longest sequences a model may be given: a pair's two sides are joined where both are read."""
    data = recipe.data
    if recipe.kind != "segments":
        return (Longest("data.max_length", data.max_length),)
    of_pairs = Longest("data.bilingual.max_length", data.for_pairs().max_length, joined=True)
    kinds = {isinstance(source, ParallelSource) for source in (*data.train, *data.validation)}
    return tuple(of_pairs if pairs else Longest("data.max_length", data.max_length) for pairs in sorted(kinds))


def _texts(recipe: Recipe) -> Iterator[str | Path]:
    return chain.from_iterable(_source_texts(source) for source in recipe.data.train)


def _source_texts(source: ParallelSource | MonolingualSource) -> Iterator[str]:
    if isinstance(source, ParallelSource):
        return chain.from_iterable(source.pairs())
    return iter(source.sentences())


def _test_sentences(recipe: Recipe, tokenizer: TextTokenizer, frames: Frames | None) -> dict[str, TestSentences]:
    """The first sentences of each validation pair that are neither blank nor longer than the model takes."""
    found: dict[str, TestSentences] = {}
    for source in recipe.data.validation if recipe.validation.sentences else ():
        assert isinstance(source, ParallelSource)
        frame = plain_frame(tokenizer) if frames is None else frames(source.source, source.target)
        room = recipe.data.max_length - frame.sizes[0]
        usable = (pair for pair in source.pairs() if pair[0].strip() and pair[1].strip())
        short = (pair for pair in usable if len(tokenizer.encode([pair[0]])[0]) <= room)
        pairs = list(islice(short, recipe.validation.sentences))
        if pairs and source.name not in found:
            sources, references = zip(*pairs, strict=True)
            found[source.name] = TestSentences(source.source, source.target, sources, references, frame)
    return found


def _flattened(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flattened(inner, (*keys, str(key)))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _flattened(inner, (*keys, str(index)))
    else:
        yield ".".join(keys), json.dumps(value, ensure_ascii=False)

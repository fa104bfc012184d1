"""Whether an exported model computes what ours does: probabilities of given translations, and greedy translations."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from anyglot.errors import UserError
from anyglot.inference.decoding import LengthRule, SearchConstraints, greedy_search, pad_batch
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.inference.translation import Translator
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.phrasebook import Phrasebook
from anyglot.text.languages import known_languages

# Differences of a token's log-probability, in nats, that are rounding: float32 sums in another order. A wrong weight
# shows in the largest; the other formula of GELU, 1e-3 at most, in the median (rounding: 5e-7 in a small model).
TOLERANCE = 2e-3
MEDIAN_TOLERANCE = 5e-5
_BATCH = 16
_LONGEST = 48


@dataclass(frozen=True)
class Case:
    """A source as the encoder reads it, the decoder's first inputs, and a translation to be judged."""

    source: tuple[int, ...]
    start: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class Parity:
    """What was compared.

    Attributes:
        sentences: Cases.
        tokens: Tokens whose log-probabilities were compared.
        largest: Largest difference of a log-probability, in nats.
        median: The median of the differences.
        equal: Greedy translations that are the same.
        ties: Those that part at two tokens whose log-probabilities differ by less than TOLERANCE.
    """

    sentences: int
    tokens: int
    largest: float
    median: float
    equal: int
    ties: int


def cases(translator: Translator, count: int, limits: tuple[int, int], seed: int = 0) -> list[Case]:
    """Phrasebook sentences and, a third of all, random tokens; the translations to be judged are of both kinds."""
    framing, tokenizer, model = translator.framing, translator.tokenizer, translator.model
    draw = random.Random(seed)
    pairs = _pairs(translator)
    books = Phrasebook(["en", "de"], seed=seed)
    rows = [(row["de"].text, row["en"].text) for row in books.parallel("test", count)]
    hidden = set(tokenizer.special_ids)
    assert isinstance(model, EncoderDecoder)  # no other kind is exported
    sides = model.config.encoder.embeddings.vocabulary_size, model.config.decoder_embeddings.vocabulary_size
    words = [
        [id for id in range(min(size, tokenizer.vocabulary_size)) if id not in hidden and id != tokenizer.unknown_id]
        for size in sides
    ]
    if model.output.rows is not None:
        kept = set(model.output.rows.ids.tolist())
        words[1] = [id for id in words[1] if id in kept]
    found: list[Case] = []
    for number, (text, translation) in enumerate(rows):
        source, target = pairs[number % len(pairs)]
        [encoded] = framing.encode([text], source, [target])
        judged = tokenizer.encode_target([translation])[0]
        if number % 3 == 2:
            frame = framing.encode([""], source, [target])[0]
            length = draw.randint(1, min(_LONGEST, limits[0] - len(frame)))
            # The frame's tokens keep their places: what stands in front, then the text, then what stands behind.
            front = len(frame) - _behind(framing.encode(["a"], source, [target])[0], frame)
            encoded = [*frame[:front], *draw.choices(words[0], k=length), *frame[front:]]
            judged = draw.choices(words[1], k=draw.randint(1, _LONGEST))
        start = framing.start(target)
        allowed = [id for id in judged if id in set(words[1])] if number % 3 != 2 else judged
        room = limits[1] - len(start) - 1
        if len(encoded) <= limits[0]:
            found.append(Case(tuple(encoded), start, tuple(allowed[: min(room, _LONGEST)])))
    return found


def _behind(framed: Sequence[int], frame: Sequence[int]) -> int:
    """How many of the frame's tokens stand behind the text."""
    count = 0
    while count < len(frame) and framed[-1 - count] == frame[-1 - count]:
        count += 1
    return count


def _pairs(translator: Translator) -> list[tuple[str, str]]:
    """Some directions the model knows."""
    codes = ["en", "de", "fr", *(known.code for known in known_languages())]
    known = translator.languages
    sources, targets = _accepted(translator.framing.source, codes), _accepted(translator.framing.target, codes)
    if known is not None:
        targets = sorted(known.target) or targets
    if not sources or not targets:
        raise UserError("no language could be found that the model reads and writes, so it cannot be compared.")
    return [(sources[number % len(sources)], target) for number, target in enumerate(targets[:4])]


def _accepted(known: Any, codes: Sequence[str]) -> list[str]:
    found: list[str] = []
    for code in codes:
        try:
            found.append(known(code))
        except UserError:
            continue
        if len(found) == 4:
            break
    return found


@torch.no_grad()
def compare(translator: Translator, folder: Path, given: Sequence[Case], starts_itself: bool) -> Parity:
    """Run both in float32.

    Raises:
        UserError: They differ by more than rounding.
    """
    import ctranslate2

    if not given:
        raise UserError("no sentence fits the model's positions, so it cannot be compared. Nothing was written.")
    # Unless told how many threads to take, CTranslate2 sets the number that torch uses in this process too.
    threads = torch.get_num_threads()
    engine = ctranslate2.Translator(str(folder), device="cpu", compute_type="float32", intra_threads=threads)
    gaps: list[float] = []
    equal = ties = 0
    for begin in range(0, len(given), _BATCH):
        batch = given[begin : begin + _BATCH]
        ours = _judged(translator, batch)
        theirs = _judged_by(engine, translator, batch, starts_itself)
        for one, other in zip(ours, theirs, strict=True):
            if len(one) != len(other):
                raise UserError(f"the exported model judged {len(other)} tokens where {len(one)} were given.")
            gaps += [abs(left - right) for left, right in zip(one, other, strict=True)]
        largest, median = max(gaps), statistics.median(gaps)
        if not (all(map(math.isfinite, gaps)) and largest <= TOLERANCE and median <= MEDIAN_TOLERANCE):
            raise UserError(
                f"the exported model differs from this one: by {largest:.2g} in the log-probability of a token, in the "
                f"median by {median:.2g}, where {TOLERANCE} and {MEDIAN_TOLERANCE} are rounding. Nothing was written."
            )
        same, near = _greedy(translator, engine, batch, starts_itself)
        equal, ties = equal + same, ties + near
    return Parity(len(given), len(gaps), max(gaps), statistics.median(gaps), equal, ties)


def _judged(translator: Translator, batch: Sequence[Case]) -> list[list[float]]:
    """Log-probability of each token of the translations and of their ends."""
    model, pad = translator.model, translator.tokenizer.pad_id
    source, mask = pad_batch([case.source for case in batch], pad, "cpu")
    inputs, _ = pad_batch([(*case.start, *case.target) for case in batch], pad, "cpu")
    logits = model.output(model(source, mask, inputs)).log_softmax(-1)
    found: list[list[float]] = []
    for row, case in zip(logits, batch, strict=True):
        wanted = model.output.targets(torch.tensor([*case.target, model.config.end_id]))
        first = len(case.start) - 1
        found.append(row[first : first + len(wanted)].gather(1, wanted[:, None])[:, 0].tolist())
    return found


def _judged_by(engine: Any, translator: Translator, batch: Sequence[Case], starts_itself: bool) -> list[list[float]]:
    pieces, source_pieces = translator.tokenizer.pieces, translator.tokenizer.source_pieces
    given = [pieces([*_prefix(case, starts_itself), *case.target]) for case in batch]
    results = engine.score_batch([source_pieces(case.source) for case in batch], given)
    return [list(result.log_probs)[-len(case.target) - 1 :] for result, case in zip(results, batch, strict=True)]


def _prefix(case: Case, starts_itself: bool) -> tuple[int, ...]:
    """What CTranslate2 is told of the decoder's first inputs."""
    return case.start[1:] if starts_itself else case.start


def _greedy(translator: Translator, engine: Any, batch: Sequence[Case], starts_itself: bool) -> tuple[int, int]:
    """How many greedy translations are equal, and how many part at a tie.

    Raises:
        UserError: One parts where there is none.
    """
    model, tokenizer = translator.model, translator.tokenizer
    source, mask = pad_batch([case.source for case in batch], tokenizer.pad_id, "cpu")
    assert isinstance(model, EncoderDecoder)
    stepping = EncoderDecoderStepModel(model)
    prompt = stepping.prompt(SearchConstraints(start=tuple(case.start for case in batch), end=model.config.end_id))
    hypotheses = greedy_search(stepping, source, mask, prompt, length=LengthRule(_LONGEST))
    ours = [list(hypothesis.tokens) for hypothesis in hypotheses]
    if model.output.rows is not None:
        ours = [[int(model.output.rows.ids[token]) for token in row] for row in ours]
    prefixes = [tokenizer.pieces(_prefix(case, starts_itself)) for case in batch]
    # A start token that is told is no part of the output, unlike the other tokens of a prefix.
    told = len(prefixes[0]) if starts_itself else len(prefixes[0]) - 1
    results = engine.translate_batch(
        [tokenizer.source_pieces(case.source) for case in batch],
        target_prefix=prefixes if any(prefixes) else None,
        beam_size=1,
        max_decoding_length=_LONGEST + told,
        min_decoding_length=1 + told,
    )
    equal = ties = 0
    for case, row, result in zip(batch, ours, results, strict=True):
        theirs = result.hypotheses[0][told : told + _LONGEST]
        named = tokenizer.pieces(row)
        shared = min(len(named), len(theirs))
        parting = next((at for at in range(shared) if named[at] != theirs[at]), shared)
        if named == theirs or (parting == shared == _LONGEST):
            equal += 1
        elif _is_tie(translator, case, row, theirs, parting):
            ties += 1
        else:
            raise UserError(
                f"the exported model translates otherwise than this one: {theirs[parting : parting + 1] or 'the end'} "
                f"where it writes {named[parting : parting + 1] or 'the end'}. Nothing was written."
            )
    return equal, ties


def _is_tie(translator: Translator, case: Case, ours: Sequence[int], theirs: Sequence[str], parting: int) -> bool:
    model, tokenizer = translator.model, translator.tokenizer
    source, mask = pad_batch([case.source], tokenizer.pad_id, "cpu")
    inputs = torch.tensor([[*case.start, *ours[:parting]]])
    last = model.output(model(source, mask, inputs))[0, -1].log_softmax(-1)
    names = {name: id for id, name in enumerate(tokenizer.pieces(range(tokenizer.vocabulary_size)))}
    pair = [
        ours[parting] if parting < len(ours) else model.config.end_id,
        names.get(theirs[parting], model.config.end_id) if parting < len(theirs) else model.config.end_id,
    ]
    first, second = last[model.output.targets(torch.tensor(pair))].tolist()
    return bool(abs(first - second) <= 2 * TOLERANCE)

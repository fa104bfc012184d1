"""The bag-of-pieces anchor: what can be said without any order of words and without an encoder.

| Kind | What answers |
|---|---|
| classification | a linear classifier over the counts of each text's pieces, and of the pieces two texts share |
| ranking | the same over grades |
| choice | a linear score of each option from its own pieces and those it shares with the premise; the highest |
| tagging | the most frequent tag of the word's first piece in training; of an unknown piece the most frequent tag |
| answering | no training: the run of words that stands nearest to the question's words and repeats none |

It shares pieces across languages, so that its zero-shot scores say what names, numbers and common spellings give away.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import regex
import torch
from torch import Tensor, nn

from anyglot.evaluation.finetuning.predicting import windows
from anyglot.evaluation.finetuning.scoring import Predict
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.predictions import AnswerPrediction, ClassPrediction, Prediction
from anyglot.evaluation.tasks.task import Task
from anyglot.text.protocols import TextTokenizer

EPOCHS = 20
BATCH = 32
LEARNING_RATE = 0.01
_AT_ONCE = 1000
# Longer runs of words are hardly ever answers, and there are many of them.
_LONGEST_ANSWER = 4
_REACH = 8
# A letter of a script without spaces is a word; elsewhere what stands between spaces and marks.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+")

Opened = Callable[[], Iterator[Example]]


def bag_of_pieces(task: Task, train: Mapping[str, Opened], tokenizer: TextTokenizer, seed: int) -> Predict:
    """Train the anchor of a task.

    Args:
        task: Of any kind.
        train: Its training set, by language.
        tokenizer: Whose pieces are counted.
        seed: Of the order of the examples.

    Returns:
        What predicts.
    """

    def examples() -> Iterator[Example]:
        for opened in train.values():
            yield from opened()

    if task.kind == "tagging":
        return _windowed(_tagger(examples(), tokenizer))
    if task.kind == "answering":
        return _windowed(lambda window: [nearest_run(_question(example)) for example in window])
    return _windowed(_classifier(task, examples(), tokenizer, seed))


def _windowed(answer: Callable[[list[Example]], list[Prediction]]) -> Predict:
    def predict(examples: Iterable[Example], language: str) -> Iterator[tuple[list[Example], list[Prediction]]]:
        for window in windows(examples, _AT_ONCE):
            yield window, answer(window)

    return predict


def _question(example: Example) -> QuestionExample:
    assert isinstance(example, QuestionExample)
    return example


# Classification, ranking and choice


class PieceCounts(nn.Module):
    """A linear layer over counts of features, which come as ids with weights.

    Args:
        features: How many there are.
        outputs: Classes, or 1 where options are scored.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.EmbeddingBag(features, outputs, mode="sum")
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.zeros_(self.weight.weight)

    def forward(self, ids: Tensor, starts: Tensor, counts: Tensor) -> Tensor:
        """Scores of the bags.

        Shape:
            ids, counts: (features of all bags,)    starts: (bags,)    returns: (bags, outputs)
        """
        scores: Tensor = self.weight(ids, starts, per_sample_weights=counts) + self.bias
        return scores


Bag = dict[int, float]


def bag_of_pair(first: Sequence[int], second: Sequence[int], vocabulary: int) -> Bag:
    """Features of one or two texts: their pieces apart (0.., V..), the pieces both have (2V..), and the shares (3V..).

    Counts are damped by a square root and divided by their length, so that long texts do not drown the rest.
    """
    bag: Bag = {}
    counted = Counter(first), Counter(second)
    for side, counts in enumerate(counted):
        norm = max(sum(counts.values()), 1) ** 0.5
        for piece, count in counts.items():
            bag[side * vocabulary + piece] = count**0.5 / norm
    if second:
        shared = counted[0].keys() & counted[1].keys()
        for piece in shared:
            bag[2 * vocabulary + piece] = 1.0 / max(len(counted[1]), 1) ** 0.5
        for place, counts in enumerate(counted):
            bag[3 * vocabulary + place] = len(shared) / max(len(counts), 1)
        bag[3 * vocabulary + 2] = float(counted[0] == counted[1])
    return bag


def _classifier(
    task: Task, examples: Iterable[Example], tokenizer: TextTokenizer, seed: int
) -> Callable[[list[Example]], list[Prediction]]:
    options = task.kind == "choice"
    vocabulary = tokenizer.vocabulary_size
    rows, labels = [], []
    for window in windows(examples, _AT_ONCE):
        rows += _bags(window, tokenizer)
        labels += [_label(task, example) for example in window]
    model = PieceCounts(3 * vocabulary + 3, 1 if options else len(task.labels))
    _train(model, rows, labels, seed)

    def answer(window: list[Example]) -> list[Prediction]:
        with torch.no_grad():
            shares = [_logits(model, [row])[0].softmax(0).tolist() for row in _bags(window, tokenizer)]
        return [ClassPrediction(int(np.argmax(share)), tuple(share)) for share in shares]

    return answer


def _bags(window: list[Example], tokenizer: TextTokenizer) -> list[list[Bag]]:
    """One bag an example; of a choice one an option."""
    pairs: list[list[tuple[str, str]]] = []
    for example in window:
        if isinstance(example, ChoiceExample):
            pairs.append([(f"{example.premise}", choice) for choice in example.choices])
        else:
            assert isinstance(example, TextExample)
            pairs.append([(example.texts[0], example.texts[1] if len(example.texts) > 1 else "")])
    texts = [text for row in pairs for pair in row for text in pair]
    pieces = iter(tokenizer.encode(texts))
    return [[bag_of_pair(next(pieces), next(pieces), tokenizer.vocabulary_size) for _ in row] for row in pairs]


def _label(task: Task, example: Example) -> int:
    if isinstance(example, ChoiceExample):
        return example.label
    assert isinstance(example, TextExample)
    return task.labels.index(example.label)


def _logits(model: PieceCounts, rows: Sequence[Sequence[Bag]]) -> list[Tensor]:
    """Of each row the scores of its classes, or of its options."""
    bags = [bag for row in rows for bag in row]
    starts = np.cumsum([0, *(len(bag) for bag in bags)])[:-1]
    ids = torch.tensor([feature for bag in bags for feature in bag], dtype=torch.long)
    counts = torch.tensor([count for bag in bags for count in bag.values()], dtype=torch.float32)
    scores = model(ids, torch.from_numpy(starts), counts)
    if scores.shape[1] > 1:
        return list(scores)
    return list(scores[:, 0].split([len(row) for row in rows]))


def _train(model: PieceCounts, rows: list[list[Bag]], labels: list[int], seed: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    generator = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = generator.permutation(len(rows))
        for start in range(0, len(rows), BATCH):
            chosen = order[start : start + BATCH]
            logits = _logits(model, [rows[place] for place in chosen])
            losses = [
                nn.functional.cross_entropy(row, torch.tensor(labels[place]))
                for row, place in zip(logits, chosen, strict=True)
            ]
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()


# Tagging


def _tagger(examples: Iterable[Example], tokenizer: TextTokenizer) -> Callable[[list[Example]], list[Prediction]]:
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    overall: Counter[str] = Counter()
    for window in windows(examples, _AT_ONCE):
        for example, firsts in zip(window, _first_pieces(window, tokenizer), strict=True):
            assert isinstance(example, TaggedExample)
            overall.update(example.tags)
            for piece, tag in zip(firsts, example.tags, strict=True):
                found[piece][tag] += 1
    # Of equally frequent tags the first in the alphabet, whatever was seen first.
    usual = _commonest(overall)
    tags = {piece: _commonest(counts) for piece, counts in found.items()}

    def answer(window: list[Example]) -> list[Prediction]:
        return [tuple(tags.get(piece, usual) for piece in row) for row in _first_pieces(window, tokenizer)]

    return answer


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag), default="O")


def _first_pieces(window: list[Example], tokenizer: TextTokenizer) -> list[list[int]]:
    words: list[str] = []
    for example in window:
        assert isinstance(example, TaggedExample)
        words += example.words
    pieces = iter(tokenizer.encode(words))
    lone = tokenizer.encode(["▁"])[0]
    rows: list[list[int]] = []
    for example in window:
        assert isinstance(example, TaggedExample)
        rows.append([_first(next(pieces), lone) for _ in example.words])
    return rows


def _first(pieces: Sequence[int], lone: Sequence[int]) -> int:
    """The first piece that is more than a word's beginning; -1 for a word without any."""
    told = [piece for piece in pieces if [piece] != list(lone)] or list(pieces)
    return told[0] if told else -1


# Question answering


def nearest_run(example: QuestionExample) -> AnswerPrediction:
    """The run of up to four words, none of them the question's, with the most of the question's words around it.

    Each word of the question that stands within eight words of the run counts by its rarity in the context, divided by
    its distance; the run's length divides the sum's root, so that of two neighbours the nearer one wins.
    """
    context = example.context
    words = [(match.start(), match.end(), match.group().casefold()) for match in _WORD.finditer(context)]
    asked = {match.group().casefold() for match in _WORD.finditer(example.question)}
    often = Counter(word for _, _, word in words)
    weights = np.array([1.0 / often[word] if word in asked else 0.0 for _, _, word in words])
    best, found = -1.0, (0, 0)
    for first in range(len(words)):
        for last in range(first, min(first + _LONGEST_ANSWER, len(words))):
            if weights[last] or ("\n" in context[words[first][0] : words[last][1]]):
                break
            score = _around(weights, first, last) / (1 + 0.1 * (last - first))
            if score > best:
                best, found = score, (words[first][0], words[last][1])
    start, end = found
    return AnswerPrediction(context[start:end], start, best, ((context[start:end], start, best),))


def _around(weights: np.ndarray[tuple[int], np.dtype[np.float64]], first: int, last: int) -> float:
    before = weights[max(0, first - _REACH) : first][::-1]
    behind = weights[last + 1 : last + 1 + _REACH]
    return float(sum((side / np.arange(1, len(side) + 1)).sum() for side in (before, behind)))

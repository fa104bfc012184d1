"""Rows are framed as fairseq and transformers frame them; no word and no answer gets lost on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import Answer, ChoiceExample, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.pairs import longest_first
from anyglot.evaluation.tasks.span_rows import span_rows, token_span, window_starts
from anyglot.evaluation.tasks.tag_rows import filler, merged_tags, tag_rows, tag_targets
from anyglot.evaluation.tasks.text_rows import choice_rows, text_rows, text_targets
from anyglot.text.protocols import TextTokenizer
from support.tiny_tokenizers import (
    FRAGMENTS,
    WORDS,
    bert,
    fast,
    folder,
    framing,
    m2m,
    plain,
    sentencepiece,
    sentencepiece_folder,
)

QUICK = settings(max_examples=60, deadline=None)
FAMILIES = {"xlmr": sentencepiece, "fast": fast, "bert": bert}


def reference(family: str) -> Any:
    from transformers import BertTokenizer, XLMRobertaTokenizer

    if family == "bert":
        bert()
        return BertTokenizer.from_pretrained(str(folder("bert")))
    return XLMRobertaTokenizer.from_pretrained(str(sentencepiece_folder()))


def words(count: int, seed: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, size=count))


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_and_pairs_are_framed_and_cut_as_in_transformers(family: str) -> None:
    theirs, ours = reference(family), framing(FAMILIES[family]())
    counts = [(1, 1), (3, 4), (9, 2), (2, 9), (6, 6), (7, 6), (6, 7), (12, 12), (0, 9), (9, 0)]
    for limit in (8, 11, 12, 40):
        for seed, (first, second) in enumerate(counts):
            one, two = words(first, seed), words(second, seed + 100)
            pair = TextExample("1", (one, two), "")
            [row, single] = text_rows([pair, TextExample("2", (one,), "")], ours, None, limit)
            if one and two:  # transformers takes an empty second text for none
                expected = theirs(one, two, truncation="longest_first", max_length=limit, return_token_type_ids=True)
                assert row.tokens.tolist() == expected["input_ids"]
                assert row.tokens.dtype == np.int32
                segments = [0] * len(row.tokens) if row.segments is None else row.segments.tolist()
                assert segments == expected["token_type_ids"]
                assert (row.segments is not None) == (family == "bert")
            assert single.tokens.tolist() == theirs(one, truncation=True, max_length=limit)["input_ids"]
            assert single.segments is None and len(row.tokens) <= limit


@given(first=st.integers(0, 40), second=st.integers(0, 40), room=st.integers(2, 60))
def test_the_longer_text_is_cut_first(first: int, second: int, room: int) -> None:
    kept = longest_first(first, second, room)
    assert kept[0] <= first and kept[1] <= second and sum(kept) == min(room, first + second)
    if sum(kept) < first + second:
        cut = [length for length, all in zip(kept, (first, second), strict=True) if length < all]
        assert min(cut) >= max(kept) - 1, "what is cut is as long as the other, but for an odd token"


def test_a_translation_models_language_token_stands_in_front() -> None:
    tokenizer = m2m()
    assert tokenizer.language_tokens is not None
    german = tokenizer.language_tokens.ids["de"]
    [row] = text_rows([TextExample("1", ("das alte", "Haus"), "")], framing(tokenizer), "de", 20)
    [one, two] = tokenizer.encode(["das alte", "Haus"])
    assert row.tokens.tolist() == [german, *one, 2, *two, 2] and row.segments is None
    with pytest.raises(UserError, match="`language`"):
        text_rows([TextExample("1", ("das",), "")], framing(tokenizer), None, 20)


def test_rows_without_room_and_examples_of_three_texts_are_refused() -> None:
    ours = framing(sentencepiece())
    with pytest.raises(UserError, match="set the maximum length to 6 or more"):
        text_rows([TextExample("1", ("a", "b"), "")], ours, None, 5)
    with pytest.raises(UserError, match="has 3 texts"):
        text_rows([TextExample("1", ("a", "b", "c"), "")], ours, None, 50)


def test_each_choice_is_read_with_premise_and_question() -> None:
    tokenizer = sentencepiece()
    example = ChoiceExample("1", "das alte Haus", "effect", ("the river", "a house", "who"), 1)
    [row] = choice_rows([example], framing(tokenizer), None, 90)
    [premise] = tokenizer.encode(["das alte Haus What happened as a result?"])
    choices = tokenizer.encode(list(example.choices))
    assert [each.tokens.tolist() for each in row.choices] == [[0, *premise, 2, 2, *choice, 2] for choice in choices]


def test_classes_are_numbered_as_the_task_lists_them() -> None:
    examples = [TextExample(str(number), ("x",), label) for number, label in enumerate(["yes", "", "no"])]
    assert text_targets(examples, ("no", "yes")).tolist() == [1, -1, 0]
    with pytest.raises(UserError, match="label 'maybe'; known are no, yes"):
        text_targets([TextExample("9", ("x",), "maybe")], ("no", "yes"))


sentences = st.lists(
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6)), max_size=14).map(tuple), max_size=4
)


@pytest.mark.parametrize("family", FAMILIES)
@QUICK
@given(sentences=sentences, limit=st.integers(3, 20))
def test_every_word_is_labelled_once_and_comes_back(family: str, sentences: list[tuple[str, ...]], limit: int) -> None:
    tokenizer = FAMILIES[family]()
    labels = ("O", *(f"T{number}" for number in range(14)))
    examples = [
        TaggedExample(str(number), words, tuple(labels[place + 1] for place in range(len(words))))
        for number, words in enumerate(sentences)
    ]
    rows = tag_rows(examples, framing(tokenizer), None, limit)
    for row in rows:
        assert len(row.tokens) <= limit and len(row.positions) == len(row.words)
        assert (row.tokens[0], row.tokens[-1]) == (tokenizer.begin_id, tokenizer.end_id)
        assert not set(row.tokens[row.positions].tolist()) & set(tokenizer.special_ids)
    read = [(row.example, int(word)) for row in rows for word in row.words]
    assert read == [(number, word) for number, words in enumerate(sentences) for word in range(len(words))]
    merged = merged_tags(examples, rows, tag_targets(rows, examples, labels), labels, "O")
    assert merged.tags == [example.tags for example in examples] and merged.cut == 0


def test_a_bare_boundary_is_left_out_or_carries_the_label() -> None:
    tokenizer = sentencepiece()
    boundary = tokenizer.id_of("▁")
    word = next(word for word in ["漢字", "qz", *WORDS] if tokenizer.encode([word])[0][0] == boundary)
    whole = next(word for word in WORDS if tokenizer.encode([word])[0][0] != boundary)
    [ids] = tokenizer.encode([word])
    examples = [TaggedExample("1", (whole, word, "\u200b"), ())]
    [unicoder] = tag_rows(examples, framing(tokenizer), None, 50)
    [xtreme] = tag_rows(examples, framing(tokenizer), None, 50, skip_boundary=False)
    front = [0, *tokenizer.encode([whole])[0]]
    assert unicoder.tokens.tolist() == [*front, *ids[1:], tokenizer.unknown_id, 2], "no token at all is <unk>"
    assert xtreme.tokens.tolist() == [*front, *ids, tokenizer.unknown_id, 2]
    assert unicoder.tokens[unicoder.positions[1]] == ids[1] and xtreme.tokens[xtreme.positions[1]] == boundary
    assert tag_targets([xtreme], examples, ("O",))[0].tolist() == [-1, -1, -1]


def test_windows_are_as_long_as_rows_allow_and_cut_words_get_the_filler() -> None:
    tokenizer = bert()
    examples = [TaggedExample("1", ("das", "haus", "das", "haus", "das"), ("X", "Y", "X", "Y", "X"))]
    ours = framing(tokenizer)
    rows = tag_rows(examples, ours, None, 4)
    pieces = [len(ids) for ids in tokenizer.encode(list(examples[0].words))]
    assert pieces == [1, 1, 1, 1, 1] and [row.words.tolist() for row in rows] == [[0, 1], [2, 3], [4]]
    [cut] = tag_rows(examples, ours, None, 4, long="cut")
    assert cut.words.tolist() == [0, 1]
    labels = ("X", "Y")
    assert filler(labels, examples) == "X" and filler(("B", "O"), examples) == "O" and filler(labels) == "X"
    merged = merged_tags(examples, [cut], [np.asarray([1, 1])], labels, "X")
    assert merged.tags == [("Y", "Y", "X", "X", "X")] and merged.cut == 3


def test_tags_that_do_not_fit_are_named() -> None:
    with pytest.raises(UserError, match="'s1' has 2 words but 1 tags"):
        tag_targets([], [TaggedExample("s1", ("a", "b"), ("O",))], ("O",))
    with pytest.raises(UserError, match="'s1' has the tag 'Q'"):
        tag_targets([], [TaggedExample("s1", ("a",), ("Q",))], ("O",))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("stride", [3, 9, 20, 500])
def test_windows_of_a_context_are_those_of_transformers(family: str, stride: int) -> None:
    theirs, ours = reference(family), framing(FAMILIES[family]())
    for seed, count in enumerate([1, 12, 13, 40, 80]):
        question, context = words(4, seed), words(count, seed + 50)
        limit = 44
        rows = span_rows([QuestionExample("1", question, context, ())], ours, None, limit, stride)
        around = rows[0].context_first + len(ours.frame(None).behind)
        expected = theirs(
            question,
            context,
            truncation="only_second",
            max_length=limit,
            stride=max(limit - around - stride, 0),
            return_overflowing_tokens=True,
            return_token_type_ids=True,
            return_offsets_mapping=True,
        )
        assert [row.tokens.tolist() for row in rows] == expected["input_ids"]
        if family == "bert":
            assert [np.asarray(row.segments).tolist() for row in rows] == expected["token_type_ids"]
        for number, row in enumerate(rows):
            inside = [place for place, part in enumerate(expected.sequence_ids(number)) if part == 1]
            assert inside == list(range(row.context_first, row.context_end))
            pieces = theirs.convert_ids_to_tokens(row.tokens[row.context_first : row.context_end].tolist())
            for place, piece, start, end in zip(inside, pieces, row.starts.tolist(), row.ends.tolist(), strict=True):
                first, last = expected["offset_mapping"][number][place]
                # A bare boundary is the space itself here, the character behind it there.
                assert piece == "▁" or plain(context[first:last]) == plain(context[start:end])


@given(length=st.integers(0, 60), room=st.integers(1, 20), stride=st.integers(1, 25))
def test_windows_cover_a_context_and_end_with_it(length: int, room: int, stride: int) -> None:
    starts = list(window_starts(length, room, stride))
    assert {place for start in starts for place in range(start, min(start + room, length))} == set(range(length))
    assert all(start + room < length for start in starts[:-1]) and starts[-1] + room >= length


@pytest.mark.parametrize("family", FAMILIES)
@QUICK
@given(data=st.data())
def test_an_answers_tokens_hold_its_characters_and_no_more_than_they_must(family: str, data: st.DataObject) -> None:
    """In text without spaces too: nothing snaps to the run of letters around it."""
    joint = data.draw(st.sampled_from([" ", ""]))
    parts = data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30))
    first = data.draw(st.integers(0, len(parts) - 1))
    last = data.draw(st.integers(first, len(parts) - 1))
    context, text = joint.join(parts), joint.join(parts[first : last + 1])
    start = len(joint.join(parts[:first])) + (len(joint) if first else 0)
    assert context[start : start + len(text)] == text
    example = QuestionExample("1", "who?", context, (Answer(start, text),))
    tokenizer = FAMILIES[family]()
    [(_, offsets)] = tokenizer.encode_with_offsets([context])
    rows = span_rows([example], framing(tokenizer), None, 32, 7)
    touched = [place for place, (a, b) in enumerate(offsets) if a < b and a < start + len(text) and b > start]
    for row in rows:
        begin, end = row.context_offset, row.context_offset + len(row.starts)
        if begin <= touched[0] and touched[-1] < end:
            moved = row.context_first - begin
            assert (row.answer_first, row.answer_last) == (touched[0] + moved, touched[-1] + moved)
            a = int(row.starts[row.answer_first - row.context_first])
            b = int(row.ends[row.answer_last - row.context_first])
            assert a <= start and b >= start + len(text)
        else:
            assert (row.answer_first, row.answer_last) == (0, 0)


def test_answers_nobody_knows_or_no_token_covers() -> None:
    starts, ends = np.asarray([0, 0, 4], np.int32), np.asarray([0, 3, 8], np.int32)
    assert token_span(starts, ends, Answer(0, "das ")) == (1, 1)
    assert token_span(starts, ends, Answer(2, "s H")) == (1, 2)
    assert token_span(starts, ends, Answer(3, " ")) is None and token_span(starts, ends, Answer(9, "x")) is None
    ours = framing(sentencepiece())
    [row] = span_rows([QuestionExample("1", "who?", "das Haus", ())], ours, None, 32, 8)
    assert (row.answer_first, row.answer_last) == (-1, -1)
    [empty] = span_rows([QuestionExample("1", "who?", "", (Answer(0, ""),))], ours, None, 32, 8)
    assert empty.context_end == empty.context_first and empty.answer_first == -1


def test_long_questions_leave_room_for_context() -> None:
    question, context = words(200, 1), words(30, 2)
    tokenizer = sentencepiece()
    [asked] = tokenizer.encode([question])
    for limit, kept in ((384, 64), (44, 20)):
        [row, *_] = span_rows([QuestionExample("1", question, context, ())], framing(tokenizer), None, limit, 128)
        assert row.tokens[: row.context_first].tolist() == [0, *asked[:kept], 2, 2]
    with pytest.raises(UserError, match="stride is 0"):
        span_rows([], framing(tokenizer), None, 384, 0)


def family_of(tokenizer: TextTokenizer) -> tuple[tuple[int, ...], bool]:
    return tokenizer.pair_style.between, tokenizer.pair_style.segments


def test_what_stands_between_two_texts() -> None:
    assert family_of(sentencepiece()) == family_of(fast()) == ((2, 2), False)
    assert family_of(bert()) == ((3,), True) and family_of(m2m()) == ((2,), False)

"""`--train` and `--validation`: their forms, what is wrong with them, and the split that needs no files."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.data.build import build_loader, build_validation
from anyglot.data.corpus import ParallelSource, place_of
from anyglot.errors import UserError
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.training.methods import METHODS
from anyglot.training.recipe.command_line_corpora import PAIRS_ONLY, TEXT_ONLY, given_data
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import recipe_identity
from anyglot.training.recipe.validation_split import split_off


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for language, word in (("de", "Satz"), ("en", "sentence")):
        (tmp_path / f"a.{language}").write_text("".join(f"{word} {n}\n" for n in range(400)))
    (tmp_path / "pairs.tsv").write_text("".join(f"Satz {n}\tsentence {n}\n" for n in range(400)))
    (tmp_path / "corpora.tsv").write_text("source\ttarget\tfile\tfile_2\nde\ten\ta.de\ta.en\n")
    (tmp_path / "empty.de").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "corpus"),
    [
        ("de-en=a.de,a.en", {"source": "de", "target": "en", "files": ["a.de", "a.en"]}),
        ("deu-eng=pairs.tsv", {"source": "de", "target": "en", "file": "pairs.tsv"}),
        ("en-de=pairs.tsv:1,0", {"source": "en", "target": "de", "file": "pairs.tsv", "columns": [1, 0]}),
        ("de-en=hf:a/b?split=train", {"source": "de", "target": "en", "file": "hf:a/b?split=train"}),
        ("de=a.de", {"language": "de", "file": "a.de"}),
        ("de=phrasebook:sentences=5", {"language": "de", "file": "phrasebook:sentences=5"}),
        ("corpora.tsv", {"sheet": "corpora.tsv"}),
        ("sheet=corpora.tsv", {"sheet": "corpora.tsv"}),
    ],
)
def test_every_form_is_a_corpus_of_a_recipe(files: Path, text: str, corpus: dict[str, object]) -> None:
    found = given_data([text], [])
    assert found is not None
    assert found.values == {"train": [corpus], "validation": [], "validation_split": {}}
    held = given_data([text], [text])
    assert held is not None
    assert held.values == {"train": [corpus], "validation": [corpus], "validation_split": None}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("xq=a.de", "`corpora=xq=a.de`: .*xq.*A pair is written"),
        ("de-en=a.de,b.en", "there is no file 'b.en'"),
        ("de-en=empty.de,a.en", "empty.de is empty"),
        ("de-en=a.de", "gives 1 text file for a pair"),
        ("de-en=a.de,a.en,a.en", "gives 3 text files for a pair"),
        ("a.de", "tells no language"),
        ("de-en=", "names no file"),
        ("missing.tsv", "there is no file 'missing.tsv'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(files: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        given_data([text], [])
    with pytest.raises(UserError, match="`validation` goes with `corpora`"):
        given_data([], ["de-en=a.de,a.en"])


SAYING = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules, file=sys.stderr))
from anyglot.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("recipe", "corpus", "told"),
    [
        ("sixt/e5_small", "de-en=a.de,gone.en", "there is no file 'gone.en'; check the path."),
        (
            "sixt/e5_small",
            "de=a.de",
            "text of one language, but sixt learns from sentence pairs; write de-en=a.de,a.en.",
        ),
        ("baselines/mbart_pretrain", "corpora.tsv", "denoising learns from text of one language at a time"),
    ],
)
def test_what_a_method_cannot_learn_from_is_told_before_torch_is_imported(
    files: Path, recipe: str, corpus: str, told: str
) -> None:
    command = [sys.executable, "-c", SAYING, "train", recipe, "--train", corpus, "--out", "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sentence, torch_imported = done.stderr.splitlines()
    assert done.returncode == 2 and sentence.startswith("anyglot: ") and told in sentence
    assert corpus in sentence and torch_imported == "False"
    assert not (files / "run").exists()


def test_the_forms_are_those_of_the_methods() -> None:
    kinds = {name: method.kind for name, method in METHODS.items()}
    assert {name for name, kind in kinds.items() if kind == "translation"} == PAIRS_ONLY
    assert {name for name, kind in kinds.items() if kind == "denoising"} == TEXT_ONLY


def test_a_method_of_segments_takes_pairs_and_text(files: Path) -> None:
    """Both forms, split and laid out: an update of the one, an update of the other."""
    given = given_data(["de-en=pairs.tsv", "en=a.en"], [])
    recipe = load_recipe("veco/tiny_pretrain", [f"data.cache={files / 'cache'}"], given)
    assert METHODS[recipe.method.name].kind == "segments"
    with pytest.raises(UserError, match=r"`corpora=en=a\.en` is text of one language, but sixt"):
        load_recipe("sixt/xlmr_large", [], given)
    split = split_off(recipe, print)
    assert [source.name for source in split.data.train] == ["de-en", "en"]
    tokenizer = train_tokenizer(files.glob("a.*"), 60, files / "tokenizer", seed=1)
    loader = build_loader(split.data, "segments", tokenizer, 1)
    updates = loader.updates(())
    joined = [next(updates)[0][0].joined is not None for _ in range(4)]
    assert joined in ([True, False, True, False], [False, True, False, True])
    validation = build_validation(split.data, "segments", tokenizer)
    assert list(validation) == ["de-en", "en"]


def test_a_sheets_missing_file_is_told_with_its_line(files: Path) -> None:
    (files / "a.en").unlink()
    with pytest.raises(UserError, match=r"corpora\.tsv, line 2: there is no file '.*a\.en'"):
        given_data(["corpora.tsv"], [])


def test_the_recipes_own_corpora_are_replaced_and_the_split_is_in_what_is_compared(files: Path) -> None:
    recipe = load_recipe("sixt/xlmr_large", [], given_data(["de-en=a.de,a.en"], []))
    assert [source.locations for source in recipe.data.train] == [(str(files / "a.de"), str(files / "a.en"))]
    assert recipe.data.validation == ()
    lines: list[str] = []
    split = split_off(recipe, lines.append)
    [line] = lines
    assert line.startswith("validation: ")
    assert split_off(split, lines.append) is split
    assert split.data.train[0].hash_part == (0.02, 1.0)
    assert "data.train.0.hash_part.0" in recipe_identity(split)
    other = load_recipe("sixt/xlmr_large", ["data.validation_split.share=0.1"], given_data(["de-en=a.de,a.en"], []))
    assert recipe_identity(split_off(other, lines.append)) != recipe_identity(split)


def test_files_of_different_length_are_told_while_splitting(files: Path) -> None:
    with (files / "a.en").open("a") as more:
        more.write("one more\n")
    recipe = load_recipe("sixt/xlmr_large", [], given_data(["de-en=a.de,a.en"], []))
    with pytest.raises(UserError, match=r"Unequal line counts: .*400 lines, .* has 401;"):
        split_off(recipe, print)


sentences = st.lists(st.integers(0, 300), min_size=60, max_size=200)


@settings(max_examples=15, deadline=None)
@given(first=sentences, second=sentences, share=st.sampled_from([0.1, 0.3]), most=st.sampled_from([5, 1000]))
def test_no_target_is_on_both_sides_whatever_the_order_of_corpora(
    tmp_path_factory: pytest.TempPathFactory, first: list[int], second: list[int], share: float, most: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    for name, numbers in (("de-en", first), ("fr-en", second)):
        (folder / f"{name}.tsv").write_text("".join(f"{name} {n}\tsentence {n}\n" for n in numbers))
    texts = [f"{name}={folder / name}.tsv" for name in ("de-en", "fr-en")]
    overrides = [f"data.validation_split={{share: {share}, most: {most}}}"]
    found = []
    for order in (texts, texts[::-1]):
        recipe = load_recipe("sixt/xlmr_large", overrides, given_data(order, []))
        try:
            data = split_off(recipe, lambda _: None).data
        except UserError:  # nothing falls below, or nothing stays: refused in either order
            found.append(None)
            continue
        sides = []
        for sources in (data.train, data.validation):
            pairs = sorted(pair for each in sources if isinstance(each, ParallelSource) for pair in each.pairs())
            sides.append(pairs)
        assert not {target for _, target in sides[0]} & {target for _, target in sides[1]}
        found.append(sides)
    assert found[0] == found[1]


def test_hashes_fall_evenly_so_the_share_is_met() -> None:
    places = [place_of(f"sentence {n}") for n in range(20_000)]
    assert all(0 <= place < 1 for place in places)
    assert 0.017 < sum(place < 0.02 for place in places) / len(places) < 0.023
    assert place_of(" a ") == place_of("a")


def test_of_a_line_that_is_learned_from_nothing_is_kept(files: Path) -> None:
    (files / "long.tsv").write_text("".join(f"Satz {n}\tsentence {n}\n" for n in range(20_000)))
    recipe = load_recipe("sixt/xlmr_large", [], given_data(["de-en=long.tsv"], []))
    told: list[tuple[str, int, int | None]] = []
    tracemalloc.start()
    split_off(recipe, lambda _: None, lambda *facts: told.append(facts))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * 20_000, "eight bytes a line would be more, and 2 % of the lines are below the share"
    assert told == [("hashing de-en", 0, None)]

"""anyglot data vocabulary: the tokens a model's output needs, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.options import CORPUS, COVERAGE, MINIMUM_COUNT, SCRIPTS, SCRIPTS_OF, listed
from anyglot.cli.verb import verb


@verb(file="out", settings={"texts": "--corpus", "minimum": "--minimum-count"})
def vocabulary(
    model: Annotated[str, typer.Argument(help="A model folder or a hub name; its tokenizer is used.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, e.g. english.json.")],
    corpus: CORPUS = None,
    scripts: SCRIPTS = "",
    languages: SCRIPTS_OF = "",
    coverage: COVERAGE = 1.0,
    minimum_count: MINIMUM_COUNT = 1,
) -> None:
    """Choose the tokens an output needs. The file restricts a translation, or a training; the model stays as it is.

    Examples:

        anyglot data vocabulary runs/sixt --out english.json --corpus news.en --coverage 0.9999

        anyglot translate runs/sixt -s de -t en --vocabulary english.json < news.de

        anyglot train sixt/xlmr_base vocabulary.target.file=english.json --out runs/english
    """
    from anyglot.hub.trimming.choice import VocabularySpecification, choose
    from anyglot.text.tokenizer import load_tokenizer
    from anyglot.text.vocabulary import coverage as cover

    wish = VocabularySpecification(tuple(corpus or ()), listed(scripts), listed(languages), coverage, minimum_count)
    tokenizer = load_tokenizer(model)
    choice = choose(wish, tokenizer, written=True)
    choice.vocabulary.save(out)
    rows = f"{len(choice.vocabulary):,} of {choice.vocabulary.full_size:,} rows"
    print(f"{out}: {rows}; all characters of {', '.join(choice.scripts)}")
    if wish.texts:
        found = cover(choice.vocabulary, wish.lines(), tokenizer)
        print(f"  {found.sentences:,} sentences, {found.sentence_share:.2%} of them of kept tokens only")
        print(
            f"  {found.tokens:,} tokens, {found.token_share:.3%} kept, {found.unknown:,} unknown to the full table too"
        )

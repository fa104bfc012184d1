"""anyglot model trim: a smaller model for some languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.options import CORPUS, COVERAGE, MINIMUM_COUNT, SCRIPTS, SCRIPTS_OF, listed
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.hub.trimming import Trimmed


@verb(folder="out", settings={"texts": "--corpus", "minimum": "--minimum-count", "target": "--target-corpus"})
def trim(
    model: Annotated[str, typer.Argument(help="A model folder or a hub name: an encoder or a translator.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the smaller model; must not exist.")],
    corpus: CORPUS = None,
    scripts: SCRIPTS = "",
    languages: SCRIPTS_OF = "",
    coverage: COVERAGE = 1.0,
    minimum_count: MINIMUM_COUNT = 1,
    target_corpus: Annotated[
        list[Path] | None,
        typer.Option("--target-corpus", help="Let the output have only this text's tokens; repeatable."),
    ] = None,
) -> None:
    """Drop the rows of tokens nobody needs from a model, and rewrite its tokenizer to match.

    With --corpus the tokens that occur are kept, and all single characters of its scripts; without, all tokens of the
    scripts. Text of kept tokens is segmented and translated as before.

    Examples:

        anyglot model trim runs/sixt --out runs/small --corpus news.de --corpus news.en --coverage 0.9999

        anyglot model trim FacebookAI/xlm-roberta-base --out xlmr-de-uk --languages de,uk
    """
    from anyglot.hub.trimming import VocabularySpecification
    from anyglot.hub.trimming import trim as trim_model

    wish = VocabularySpecification(tuple(corpus or ()), listed(scripts), listed(languages), coverage, minimum_count)
    target = VocabularySpecification(tuple(target_corpus)) if target_corpus else None
    _tell(out, trim_model(model, out, wish, target=target, say=print))


def _tell(out: Path, done: Trimmed) -> None:
    print(f"{out}: {done.rows:,} of {done.full_rows:,} rows; scripts {', '.join(done.scripts)}")
    before, after = 4 * done.full_parameters, 4 * done.parameters
    print(f"  memory in fp32  {before / 1e6:,.1f} MB -> {after / 1e6:,.1f} MB ({after / before:.0%})")
    print(f"  on disk         {done.full_disk / 1e6:,.1f} MB -> {done.disk / 1e6:,.1f} MB")
    if done.coverage is not None:
        found = done.coverage
        print(
            f"  corpus          {found.sentences:,} sentences, {found.sentence_share:.2%} of them of kept tokens only"
        )
        print(f"                  {found.tokens:,} tokens before, {found.token_share:.3%} kept; {done.tokens:,} after")
        print(f"  unknown         {found.unknown:,} tokens before, {done.unknown:,} after")
    if done.output_rows is not None:
        print(f"  output          {done.output_rows:,} rows")
    print(
        f"  checked         {done.checked:,} texts of kept tokens, {done.different:,} segmented otherwise than before"
    )

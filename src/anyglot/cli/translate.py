"""`anyglot translate`: lines in, translations out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.verb import verb

MODEL = Annotated[
    str, typer.Argument(help="A model folder (such as a finished run's), a known name, or a hub name.", metavar="MODEL")
]
TEXTS = Annotated[
    list[str] | None,
    typer.Argument(help="Texts to translate, each a line; without any, lines of --input.", metavar="TEXT"),
]
SOURCE = Annotated[
    str,
    typer.Option(
        "--source",
        "-s",
        help="Language of the input, e.g. de or German; auto: each line's is identified (needs the extra [lid]).",
        metavar="LANGUAGE",
    ),
]
TARGET = Annotated[str, typer.Option("--target", "-t", help="Language to translate into, e.g. en.", metavar="LANGUAGE")]
INPUT = Annotated[str, typer.Option("--input", "-i", help="File to translate; - is standard input.", metavar="FILE")]
OUTPUT = Annotated[
    str, typer.Option("--output", "-o", help="File for the translations; - is standard output.", metavar="FILE")
]
DECODER = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="beam, greedy (faster), speculative (greedy from drafts), sample (drawn at random); "
        "ctc or mask-predict for models that write all words at once. Default: what the model was made for.",
        metavar="NAME",
    ),
]
BEAM = Annotated[int | None, typer.Option("--beam", help="Hypotheses per sentence: 5, or 1 for ctc.", metavar="N")]
ROUNDS = Annotated[
    int | None,
    typer.Option(
        "--rounds", help="ctc, mask-predict: how often to write over what was written; 0: not at all.", metavar="N"
    ),
]
SHOW_ROUNDS = Annotated[
    bool, typer.Option("--show-rounds", help="ctc: what each round wrote, `line ||| round ||| translation`.")
]
ITERATIONS = Annotated[
    int | None, typer.Option("--iterations", help="mask-predict: passes over the canvas (4).", metavar="N")
]
LENGTHS = Annotated[
    int | None, typer.Option("--length-beam", help="mask-predict: lengths that are tried (1).", metavar="N")
]
REMASKING = Annotated[
    str | None,
    typer.Option(
        "--remasking",
        help="mask-predict: paper (what was kept is kept) or standard (any token may be written again).",
        metavar="RULE",
    ),
]
PENALTY = Annotated[float, typer.Option("--length-penalty", help="Higher favours longer translations.", metavar="X")]
TEMPERATURE = Annotated[
    float, typer.Option("--temperature", help="Sampling: below 1 sharper, above flatter.", metavar="X")
]
TOP_K = Annotated[int | None, typer.Option("--top-k", help="Sampling: from the N most probable tokens.", metavar="N")]
TOP_P = Annotated[
    float | None, typer.Option("--top-p", help="Sampling: from the tokens that hold this share.", metavar="X")
]
SEED = Annotated[int, typer.Option("--seed", help="Sampling: another seed, other translations.", metavar="N")]
PREFIX = Annotated[
    str | None,
    typer.Option(
        "--prefix", help="What each translation begins with: a text, or a file of one a line.", metavar="FILE|TEXT"
    ),
]
N_BEST = Annotated[
    int, typer.Option("--n-best", help="Above 1: so many lines a line, `line ||| translation ||| score`.", metavar="N")
]
MAX_LENGTH = Annotated[
    int, typer.Option("--max-length", help="Most tokens of what is written; it is cut there.", metavar="N")
]
MAX_SOURCE_LENGTH = Annotated[
    int | None,
    typer.Option(
        "--max-source-length",
        help="Most tokens of a line that are read at once: 202, or where lines are not split as many as the model has "
        "positions for.",
        metavar="N",
    ),
]
OVERLONG = Annotated[
    str | None,
    typer.Option(
        "--overlong",
        help="A line with more: split (into sentences, their translations joined) or truncate (its end is not read). "
        "Default: truncate where the model writes something else than a translation, as from en to en.",
        metavar="RULE",
    ),
]
BATCH = Annotated[int, typer.Option("--batch-tokens", help="Source tokens translated at a time.", metavar="N")]
CHARACTERS = Annotated[int, typer.Option("--max-characters", help="A longer line is refused.", metavar="N")]
DEVICE = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1; default: a GPU if any.")]
PRECISION = Annotated[str, typer.Option("--precision", help="auto, fast, fp32, bf16, int8 or fp16.")]
VOCABULARY = Annotated[
    str | None,
    typer.Option("--vocabulary", help="Write with these tokens only (see anyglot data vocabulary).", metavar="FILE"),
]
PROMPTS = Annotated[
    str | None,
    typer.Option("--prompts", help="Make a translator of MODEL, an encoder, by these prompts.", metavar="FOLDER"),
]
DRAFT = Annotated[
    str | None,
    typer.Option("--draft", help="Speculative: a model that drafts, e.g. an SGA run or a small one.", metavar="MODEL"),
]
DRAFT_FILE = Annotated[
    str | None, typer.Option("--draft-file", help="Speculative: a file with a draft a line.", metavar="FILE")
]
RESUME = Annotated[bool, typer.Option("--resume", help="Continue an interrupted translation of a file.")]


@verb(file="output_name")
def translate(
    model: MODEL,
    source: SOURCE,
    target: TARGET,
    texts: TEXTS = None,
    input_name: INPUT = "-",
    output_name: OUTPUT = "-",
    decoder: DECODER = None,
    beam: BEAM = None,
    length_penalty: PENALTY = 1.0,
    temperature: TEMPERATURE = 1.0,
    top_k: TOP_K = None,
    top_p: TOP_P = None,
    seed: SEED = 1,
    rounds: ROUNDS = None,
    show_rounds: SHOW_ROUNDS = False,
    iterations: ITERATIONS = None,
    length_beam: LENGTHS = None,
    remasking: REMASKING = None,
    prefix: PREFIX = None,
    n_best: N_BEST = 1,
    max_length: MAX_LENGTH = 200,
    max_source_length: MAX_SOURCE_LENGTH = None,
    overlong: OVERLONG = None,
    batch_tokens: BATCH = 4096,
    max_characters: CHARACTERS = 200_000,
    device: DEVICE = None,
    precision: PRECISION = "auto",
    vocabulary: VOCABULARY = None,
    prompts: PROMPTS = None,
    draft: DRAFT = None,
    draft_file: DRAFT_FILE = None,
    resume: RESUME = False,
) -> None:
    """Translate lines of text: one line out for each line in, whatever comes in.

    Examples:

        anyglot translate runs/demo/sixt --source it --target en "Il gatto dorme in giardino."

        echo "Il gatto dorme in giardino." | anyglot translate runs/demo/sixt --source auto --target en

        anyglot translate runs/demo/sixt -s it -t en --input runs/demo/text/test.it.txt --output it.en --resume

        anyglot translate runs/demo/sixt -s de -t en -i runs/demo/text/test.de.txt --decoder sample --n-best 5

        anyglot translate runs/sga -s de -t en -i news.de --rounds 4 --show-rounds

        anyglot translate runs/questions -s en -t en -i news.en --decoder mask-predict --iterations 8 --length-beam 3

        anyglot translate xlm-roberta-base --prompts prompts/de-en -s de -t en -i news.de

        anyglot translate runs/sixt -s de -t en --decoder speculative --draft runs/sga

    An interrupted file translation (exit code 130 or 143, or a crash) goes on where it stopped with --resume.
    """
    from anyglot.inference.generation.settings import SearchSettings, chosen_decoder
    from anyglot.inference.translation.command import Work, run

    settings = SearchSettings(
        decoder=chosen_decoder(decoder),
        beam=beam,
        length_penalty=length_penalty,
        n_best=n_best,
        max_length=max_length,
        max_source_length=max_source_length,
        overlong=overlong,
        batch_tokens=batch_tokens,
        max_characters=max_characters,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        rounds=rounds,
        show_rounds=show_rounds,
        iterations=iterations,
        length_beam=length_beam,
        remasking=remasking,
    )
    run(
        Work(
            model=model,
            source=source,
            target=target,
            settings=settings,
            input=None if input_name == "-" else Path(input_name),
            output=None if output_name == "-" else Path(output_name),
            device=device,
            precision=precision,
            resume=resume,
            prefix=prefix,
            vocabulary=vocabulary,
            prompts=prompts,
            draft=draft,
            draft_file=draft_file,
            texts=tuple(texts or ()),
        )
    )

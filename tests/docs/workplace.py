"""A folder with what the pages speak of, small: models under the names they use, texts, tables, labelled sets."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import transformers

from anyglot.phrasebook import Phrasebook
from docs.smaller import FEW
from docs.smaller import TEXTS as LANGUAGES
from support import foreign_translators, official_files, suite_data
from support.tiny_encoders import write_xlmr
from support.tiny_translators import TEXTS, write_model_folder

TRANSLATORS = (
    "runs/new",
    "runs/old",
    "runs/transformer",
    "runs/tiny/sixt",
    "runs/demo/ft-all",
    "runs/demo/transformer",
    "MODEL",
)
ENCODERS = ("runs/xlm", "runs/lm", "runs/m2m", "runs/o2m", "runs/continued", "runs/tiny/encoder", "xlm-r", "A", "B")
HUB_ENCODERS = {
    "FacebookAI/xlm-roberta-base": 12,
    "FacebookAI/xlm-roberta-large": 24,
    "multilingual-e5-small": 12,
    "xlm-roberta-base": 12,
}
"""Name -> layers, as many as the real one has."""
HUB_TRANSLATORS = {
    "facebook/mbart-large-50": "mbart50",
    "facebook/mbart-large-50-many-to-many-mmt": "mbart50",
    "facebook/m2m100_418M": "m2m_100",
    "facebook/nllb-200-distilled-600M": "nllb",
    "mbart-50": "mbart50",
    "mbart-50-m2m": "mbart50",
    "mbart-50-o2m": "mbart50",
    "mbart-50-m2o": "mbart50",
}
TRAINED = {
    "starts/sga/tiny_encoder": "sga/tiny_encoder",
    "starts/msp/tiny_lm": "msp/tiny_lm",
    "starts/baselines/tiny_mbart_pretrain": "baselines/tiny_mbart_pretrain",
    "runs/multilingual-transformer": "baselines/multilingual_transformer",
    "runs/veco": "veco/tiny_pretrain",
    "runs/sga": "sga/tiny",
    "runs/sga-base": "sga/xlmr_base",
    "runs/sga-large": "sga/xlmr_large",
    "runs/questions": "sga/tiny_generation",
    "runs/sixt": "sixt/xlmr_base",
    "runs/demo/sixt": "sixt/e5_small",
}
"""Folders that small trainings fill -> their recipes, in this order."""
ALSO = {
    "prompts/de-en": "runs/sga-base/prompts",
    "runs/veco-large": "runs/veco",
    "runs/mine": "runs/demo/sixt",
    "runs/real/long/free_both-1": "runs/demo/transformer",
}
"""A copy under another name."""
GERMAN = [
    "news.de",
    "a.de",
    "a.txt",
    "text.de",
    "test.de",
    "in",
    "in.txt",
    "input.ne",
    "runs/demo/text/test.de.txt",
    "runs/demo/text/test.it.txt",
    "corpora/bible.de-en.de",
    "newstest2014.de",
]
ENGLISH = [
    "news.en",
    "a.en",
    "b.txt",
    "test.en",
    "test.fr",
    "yesterday.en",
    "online-system.txt",
    "runs/demo/text/test.en.txt",
    "corpora/bible.de-en.en",
    "newstest2014.en",
]


def build(place: Path, run: Callable[[list[str], int], None]) -> None:
    """Write everything.

    Args:
        place: The current folder.
        run: Runs our program with these arguments, made smaller to so many updates a stage.
    """
    write_texts(place)
    write_tests(place)
    write_benchmarks(place)
    translator, encoder = write_model_folder(place / "made/translator"), write_xlmr(place / "made/encoder", layers=4)
    for model, names in ((translator, TRANSLATORS), (encoder, ENCODERS)):
        for name in names:
            shutil.copytree(model, place / name, dirs_exist_ok=True)
    for name, layers in HUB_ENCODERS.items():
        write_with_head(encoder, place / name, layers)
    for name in sorted(set(HUB_TRANSLATORS.values())):
        foreign_translators.write(name, place / "made" / name)
    for name, kind in HUB_TRANSLATORS.items():
        shutil.copytree(place / "made" / kind, place / name)
    for name, recipe in TRAINED.items():
        run(["train", recipe, "--out", name, "--quiet"], 5 if name == "runs/sga-large" else FEW)
    for name, original in ALSO.items():
        shutil.copytree(place / original, place / name)
    shutil.rmtree(place / "made")


def write_with_head(like: Path, folder: Path, layers: int) -> None:
    """A random XLM-R with its masked-language head, as the hub's have it, and the tokenizer of another folder."""
    config = transformers.XLMRobertaConfig.from_pretrained(like)
    config.update({"num_hidden_layers": layers, "hidden_size": 32, "intermediate_size": 32})
    shutil.copytree(like, folder)
    transformers.XLMRobertaForMaskedLM(config).save_pretrained(folder)


def write_texts(place: Path) -> None:
    """Texts of five lines under the pages' names, and pairs of forty to train on."""
    for names, lines in ((GERMAN, TEXTS[:3] + TEXTS[6:]), (ENGLISH, TEXTS[3:]), (("beginnings.en",), ["The"] * 5)):
        for name in names:
            write(place / name, lines)
    rows = list(Phrasebook(list(LANGUAGES), seed=1).parallel("train", 40))
    for code in LANGUAGES:
        write(place / "small" / f"{code}.txt", [row[code].text for row in rows])
        write_packed(place / "bible" / f"{code}.txt.gz", [row[code].text for row in rows])
    write(place / "a.de", [row["de"].text for row in rows])
    write(place / "a.en", [row["en"].text for row in rows])
    write_packed(place / "news.de.gz", TEXTS[:3])
    for name in ("de.npy", "en.npy"):
        np.save(place / name, np.eye(5, dtype=np.float32))
    write(place / "recipe.yaml", ["extends: sixt/e5_small"])
    write(
        place / "corpora.tsv",
        ["source\ttarget\tlanguage\tfile\tfile_2", "de\ten\t\ta.de\ta.en", "\t\tru\tsmall/ru.txt\t"],
    )


def write_tests(place: Path) -> None:
    """Tables of test sets, and evaluations of before."""
    for folder, files in ((place, "[test.de, test.en]"), (place / "runs/demo/text", "[test.de.txt, test.en.txt]")):
        write(folder / "tests.yaml", [f"- {{source: de, target: en, files: {files}}}"])
    for folder in ("old-scores/hypotheses/old", "runs/old-scores/hypotheses/old", "runs/demo/hypotheses/SixT+"):
        write(place / folder / "de-en.txt", TEXTS[3:])
    write(
        place / "xnli.tsv",
        ["model\tscore", *(f"{name}\t{40 + row}" for row, name in enumerate(("lm", "m2m", "o2m", "continued")))],
    )


def write_benchmarks(place: Path) -> None:
    """Tatoeba, BUCC, XTREME and the phrasebook's labelled sets, a few lines of each."""
    english = [text.upper() for text in TEXTS]
    for folder in ("tatoeba", "DIR"):
        write(place / folder / "tatoeba.deu-eng.deu", TEXTS)
        write(place / folder / "tatoeba.deu-eng.eng", english)
    for split in ("dev", "training", "test"):
        for code, lines in (("zh", TEXTS), ("en", english)):
            write(place / f"bucc/zh-en.{split}.{code}", [f"{code}-{row}\t{line}" for row, line in enumerate(lines)])
        write(place / f"bucc/zh-en.{split}.gold", [f"zh-{row}\ten-{row}" for row in range(len(TEXTS))])
    for folder in ("download", "xtreme", "DIR"):
        for name in ("xnli", "panx", "sib200"):
            official_files.WRITERS[name](place / folder)
    suite_data.write_sets(place / "labelled")


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_packed(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))

"""Where the official files of each task lie, and flat folders of the same files: patterns of paths, in order.

A user gives one folder: the data root, which holds a folder for each task (`xnli/`, `NC/`, `udpos/`), or a task's own
folder. Of a root that holds several folders of a task the first of `FOLDERS` that has files is taken. Every file may
end in `.gz` too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_LANGUAGE = r"(?P<language>[A-Za-z]{2,3}(?:[-_][A-Z][a-z]{3})?)"
_SPLIT = r"(?P<split>train|dev|test|val|valid|validation)"
_NAMED = r"(?P<name>[a-z]+)"
_TREEBANK = r"(?P<treebank>[A-Z][A-Za-z_]*)-[A-Za-z]+"


@dataclass(frozen=True)
class Pattern:
    """Paths of one kind of file, below the task's folder.

    Args:
        path: A regular expression of the whole path, with `/`; its groups `language` (a code), `name` (a language's
            English name), `treebank` and `split` say what is in the file.
        form: How it is read: a name in `reading.FORMS`.
        split: Where the path does not say it.
        language: Where the path does not say it: a code; "*": all languages of the task, told apart inside the file.
        splits_inside: Whether the first column of each row names its split.
    """

    path: str
    form: str
    split: str = ""
    language: str = ""
    splits_inside: bool = False

    def match(self, path: str) -> re.Match[str] | None:
        """Match a path with or without `.gz`."""
        return re.fullmatch(self.path, path.removesuffix(".gz"))


def _split_first(form: str, ending: str = "tsv") -> Pattern:
    """`dev-de.tsv`: XTREME's preprocessing, the phrasebook and flat folders."""
    return Pattern(rf"{_SPLIT}-{_LANGUAGE}\.{ending}", form)


def _xglue(task: str, form: str) -> Pattern:
    """`xglue.nc.de.dev` as the archive has it, or `de.dev`."""
    return Pattern(rf"(?:xglue\.{task}\.)?{_LANGUAGE}\.{_SPLIT}", form)


_SIB = (
    Pattern(rf"(?:data/)?(?:annotated/)?{_LANGUAGE}/{_SPLIT}\.tsv", "topic_table"),
    Pattern(rf"{_LANGUAGE}\.tsv", "topic", splits_inside=True),
)
_SQUAD = (
    Pattern(r"(?:squad1\.1/)?train-v1\.1\.json", "questions", "train", "en"),
    Pattern(r"(?:squad1\.1/)?dev-v1\.1\.json", "questions", "dev", "en"),
)

PATTERNS: Mapping[str, tuple[Pattern, ...]] = {
    "xnli": (
        _split_first("pair"),
        Pattern(rf"(?:XNLI-1\.0/)?xnli\.{_SPLIT}\.tsv", "xnli", language="*"),
        Pattern(rf"(?:XNLI-MT-1\.0/)?(?:multinli/)?multinli\.train\.{_LANGUAGE}\.tsv", "pair", "train"),
        Pattern(rf"{_LANGUAGE}\.{_SPLIT}", "pair"),
    ),
    "pawsx": (
        _split_first("paraphrase"),
        Pattern(rf"(?:x-final/)?{_LANGUAGE}/{_SPLIT}(?:_2k)?\.tsv", "paraphrase"),
        Pattern(rf"(?:x-final/)?{_LANGUAGE}/translated_train\.tsv", "paraphrase", "train"),
    ),
    "udpos": (
        _split_first("universal_tags"),
        Pattern(rf"{_TREEBANK}\.{_SPLIT}\.tsv", "universal_tags"),
        Pattern(rf"(?:ud-treebanks-v[0-9.]+/)?UD_{_TREEBANK}/[a-z]+_[a-z]+-ud-{_SPLIT}\.conllu", "conllu"),
        Pattern(rf"(?P<language>[a-z]{{2,3}})_[a-z]+-ud-{_SPLIT}\.conllu", "conllu"),
    ),
    "panx": (
        _split_first("wikiann"),
        Pattern(rf"(?:panx_dataset/)?{_LANGUAGE}[-/]{_SPLIT}(?:\.tsv)?", "wikiann"),
        Pattern(rf"{_LANGUAGE}\.tsv", "wikiann", "train"),
    ),
    "squad": _SQUAD,
    "xquad": (Pattern(rf"xquad\.{_LANGUAGE}\.json", "questions", "test"),),
    "mlqa": (
        Pattern(
            rf"(?:MLQA_V1/)?(?:(?:dev|test)/)?{_SPLIT}-context-{_LANGUAGE}-question-(?P=language)\.json", "questions"
        ),
        Pattern(rf"mlqa-translate-train/{_LANGUAGE}_squad-translate-train-train-v1\.1\.json", "questions", "train"),
    ),
    "tydiqa": (
        Pattern(
            rf"(?:tydiqa-goldp-v1\.[01]-(?:train|dev)/)?tydiqa\.goldp\.{_LANGUAGE}\.train\.json", "questions", "train"
        ),
        Pattern(
            rf"(?:tydiqa-goldp-v1\.[01]-(?:train|dev)/)?tydiqa\.goldp\.{_LANGUAGE}\.dev\.json", "questions", "test"
        ),
        Pattern(rf"(?:tydiqa-goldp-v1\.[01]-dev/)?tydiqa-goldp-dev-{_NAMED}\.json", "questions", "test"),
        Pattern(r"(?:tydiqa-goldp-v1\.[01]-train/)?tydiqa-goldp-v1\.[01]-train\.json", "questions", "train", "*"),
        Pattern(r"(?:tydiqa-goldp-v1\.[01]-dev/)?tydiqa-goldp-v1\.[01]-dev\.json", "questions", "test", "*"),
    ),
    "nc": (_xglue("nc", "pair"),),
    "qam": (_xglue("qam", "pair"),),
    "qadsm": (_xglue("qadsm", "advertisement"),),
    "wpr": (_xglue("wpr", "ranking"),),
    "ner": (
        Pattern(rf"{_LANGUAGE}\.{_SPLIT}", "spaced_tags"),
        Pattern(r"(?P<language>eng|deu|esp|ned)\.(?P<split>train|testa|testb)", "conll"),
    ),
    "pos": (Pattern(rf"{_LANGUAGE}\.{_SPLIT}", "spaced_tags"),),
    "xcopa": (
        Pattern(rf"{_SPLIT}[-.]{_LANGUAGE}\.jsonl", "choice"),
        Pattern(rf"(?:data/)?[a-z]{{2,3}}/{_SPLIT}\.{_LANGUAGE}\.jsonl", "choice"),
        Pattern(rf"COPA/{_SPLIT}\.jsonl", "choice", language="en"),
    ),
    "sib200": _SIB,
    "masakhanews": (
        Pattern(rf"{_LANGUAGE}\.{_SPLIT}\.tsv", "news"),
        Pattern(rf"(?:data/)?{_LANGUAGE}/{_SPLIT}\.tsv", "news"),
    ),
    "book_nli": (_split_first("pair"),),
    "book_paraphrase": (_split_first("pair"),),
    "book_topic": (Pattern(rf"{_LANGUAGE}\.tsv", "topic", splits_inside=True),),
    "book_pos": (_split_first("tags"),),
    "book_names": (_split_first("tags"),),
    "book_questions": (_split_first("questions", "json"),),
    "book_ranking": (_split_first("ranking"),),
    "book_choice": (_split_first("choice", "jsonl"),),
}

# The folders of a task below a data root, in any case, in the order in which they are tried.
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "xnli": ("xnli", "xnli_dev", "xnli-tmp"),
    "pawsx": ("pawsx", "paws-x", "x-final"),
    "udpos": ("udpos", "ud-treebanks-v2.5", "ud-treebanks-v2.7"),
    "panx": ("panx", "wikiann", "panx_dataset"),
    "squad": ("squad", "squad1.1", "mlqa"),
    "xquad": ("xquad",),
    "mlqa": ("mlqa", "mlqa_v1", "mlqa_dev"),
    "tydiqa": ("tydiqa", "tydiqa-goldp"),
    "nc": ("nc",),
    "qam": ("qam",),
    "qadsm": ("qadsm",),
    "wpr": ("wpr",),
    "ner": ("ner", "conll"),
    "pos": ("pos",),
    "xcopa": ("xcopa",),
    "sib200": ("sib200", "sib-200"),
    "masakhanews": ("masakhanews", "masakhane-news"),
    "book_nli": ("nli",),
    "book_paraphrase": ("paraphrase",),
    "book_topic": ("topic",),
    "book_pos": ("pos",),
    "book_names": ("names",),
    "book_questions": ("questions",),
    "book_ranking": ("ranking",),
    "book_choice": ("choice",),
}
# Folders that XTREME's download script and XGLUE's archive make around those of the tasks.
_AROUND = ("", "download", "xglue_full_dataset")
_DEEPEST = 3
_MOST_FILES = 50_000


def folders_of(task: str, root: Path) -> Iterator[Path]:
    """The folders in which a task's files may lie, in the order in which they are to be tried.

    The root itself comes last, and not at all if its name is that of another task's folder: `dev-de.tsv` is a name
    that several tasks have.
    """
    for around in _AROUND:
        base = root / around if around else root
        inside = {path.name.lower(): path for path in _entries(base) if path.is_dir()}
        for name in FOLDERS[task]:
            if name in inside:
                yield inside[name]
    others = {name for names in FOLDERS.values() for name in names} - set(FOLDERS[task])
    if root.name.lower() not in others and root.is_dir():
        yield root


def files_below(folder: Path) -> list[str]:
    """Paths of the files of a folder and three levels below, relative, with `/`, sorted; hidden ones left out.

    Where a file is there packed and unpacked, the unpacked one is taken.
    """
    found: list[str] = []
    waiting = [(folder, 0)]
    while waiting and len(found) < _MOST_FILES:
        place, depth = waiting.pop()
        for path in _entries(place):
            if path.is_dir():
                if depth < _DEEPEST:
                    waiting.append((path, depth + 1))
            else:
                found.append(path.relative_to(folder).as_posix())
    known = set(found)
    return sorted(path for path in found if not (path.endswith(".gz") and path.removesuffix(".gz") in known))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []

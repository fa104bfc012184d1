"""The tasks and the suites: labels, languages, metrics and fine-tuning as the benchmarks define them.

| Source | Here |
|---|---|
| XTREME (Hu et al., 2020), its scripts; jiant's guide, which SixT+ followed: method card 6.1 | `"xtreme"`, `"jiant"` |
| XGLUE (Liang et al., 2020) as Ji et al. (2024) fine-tune: method cards 4.2 and 4.3 | `"xglue"` |
| small encoders trained here from nothing, which need larger steps | `"own"` |

A suite's average is the plain mean over its tasks of the plain mean over languages, English included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from anyglot.errors import UserError
from anyglot.evaluation.tasks.task import Protocol, Task
from anyglot.phrasebook.languages import known_languages

UPOS = ("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ")
UPOS_TAGS = (*UPOS, "SYM", "VERB", "X")
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
CONLL_TAGS = (*ENTITY_TAGS, "B-MISC", "I-MISC")
INFERENCE = ("entailment", "neutral", "contradiction")
GRADES = ("Bad", "Fair", "Good", "Excellent", "Perfect")
BOTH = ("0", "1")
# The topics of `phrasebook/catalogue.py`; a test holds the two together.
_TOPICS = "castle evening farm forest garden home hospital kitchen market school sea street travel work"
BOOK_TOPICS = tuple(_TOPICS.split())

_PANX = (
    "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru "
    "sw ta te th tl tr ur vi yo zh"
)
_UDPOS = "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
_XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
_XGLUE_POS = "ar bg de el en es fr hi it nl pl pt ru th tr ur vi zh"
_MASAKHANEWS = "am en fr ha ig ln lg om pcm rn sn so sw ti xh yo"
# The 12 of SIB-200's 205 that this package's results are told for.
_SIB200 = "ar de en es fi fr hi ja ru sw tr zh"
_XCOPA = "en et ht id it qu sw ta th tr vi zh"


def _xtreme(learning_rate: float, epochs: int) -> Protocol:
    """XTREME's scripts for XLM-R large: no warm-up, no weight decay, its own head."""
    return Protocol(learning_rate, epochs)


def _jiant(epochs: int) -> Protocol:
    """jiant's guide: a tenth of warm-up, weight decay 0.01; what is too long is cut off."""
    return Protocol(1e-5, epochs, 32, 256, warmup=0.1, weight_decay=0.01, head="jiant", long="cut")


def _xglue(learning_rate: float = 5e-6, *, long: str = "cut") -> Protocol:
    """Ji et al.: 10 epochs at length 256; batch and no warm-up from Unicoder's scripts, which the paper leaves out."""
    return Protocol(learning_rate, 10, 32, 256, long="windows" if long == "windows" else "cut")


_OWN = Protocol(1e-3, 6, 32, 128, warmup=0.1, weight_decay=0.01)
_OWN_ANSWERS = Protocol(1e-3, 8, 32, 256, warmup=0.1, weight_decay=0.01, stride=64)
_XTREME_ANSWERS = Protocol(3e-5, 3, 32, 384, warmup_updates=500, weight_decay=1e-4)
_JIANT_ANSWERS = Protocol(1e-5, 2, 16, 384, warmup=0.1, weight_decay=0.01)
_XTREME_TAGS = {"xtreme": _xtreme(2e-5, 10), "jiant": _jiant(10), "own": _OWN}
_ANSWERS = {"xtreme": _XTREME_ANSWERS, "jiant": _JIANT_ANSWERS, "own": _OWN_ANSWERS}
_XGLUE = {"xglue": _xglue(), "own": _OWN}
# XCOPA, SIB-200 and MasakhaNEWS have no scripts of these benchmarks; XTREME's settings for text pairs are taken.
_MORE = {"xtreme": _xtreme(2e-5, 5), "own": _OWN}


def _classes(name: str, title: str, labels: tuple[str, ...], languages: str, protocols: Mapping[str, Protocol]) -> Task:
    return Task(name, title, "classification", labels, tuple(languages.split()), ("accuracy",), protocols)


def _answers(name: str, title: str, languages: str, metric: str = "squad", train: str = "squad") -> Task:
    return Task(name, title, "answering", (), tuple(languages.split()), (metric,), _ANSWERS, train)


_POS_METRICS = ("legacy_pos", "tag_accuracy")
_WPR_METRICS = ("ndcg", "ndcg_expected")
_BOOK = {"own": _OWN}
_BOOK_LANGUAGES = " ".join(known_languages())

TASKS: dict[str, Task] = {
    "xnli": _classes(
        "xnli",
        "XNLI: does the premise entail the hypothesis?",
        INFERENCE,
        _XNLI,
        {
            "xtreme": _xtreme(3e-5, 5),
            "jiant": _jiant(2),
            "xglue": _xglue(),
            "own": Protocol(5e-4, 6, warmup=0.1, weight_decay=0.01),
        },
    ),
    "pawsx": _classes(
        "pawsx",
        "PAWS-X: do two sentences of the same words say the same?",
        BOTH,
        "de en es fr ja ko zh",
        {
            "xtreme": _xtreme(2e-5, 5),
            "jiant": _jiant(5),
            "xglue": _xglue(),
            "own": Protocol(5e-4, 6, warmup=0.1, weight_decay=0.01),
        },
    ),
    "udpos": Task(
        "udpos", "UDPOS: parts of speech", "tagging", UPOS_TAGS, tuple(_UDPOS.split()), _POS_METRICS, _XTREME_TAGS
    ),
    "panx": Task(
        "panx", "PAN-X (WikiANN): names", "tagging", ENTITY_TAGS, tuple(_PANX.split()), ("span_f1",), _XTREME_TAGS
    ),
    "squad": _answers("squad", "SQuAD 1.1: English questions, the training set of XQuAD and MLQA", "en", train=""),
    "xquad": _answers("xquad", "XQuAD: questions on translated paragraphs", "ar de el en es hi ru th tr vi zh"),
    "mlqa": _answers("mlqa", "MLQA: questions on paragraphs of each language", "ar de en es hi vi zh", "mlqa"),
    "tydiqa": _answers("tydiqa", "TyDiQA-GoldP: questions of native speakers", "ar bn en fi id ko ru sw te", train=""),
    "nc": _classes(
        "nc",
        "XGLUE NC: the topic of a news article",
        (
            "foodanddrink",
            "sports",
            "news",
            "entertainment",
            "health",
            "video",
            "finance",
            "travel",
            "lifestyle",
            "autos",
        ),
        "de en es fr ru",
        _XGLUE,
    ),
    "qam": _classes("qam", "XGLUE QAM: does the passage answer the question?", BOTH, "de en fr", _XGLUE),
    "qadsm": _classes(
        "qadsm", "XGLUE QADSM: does the advertisement suit the query?", ("Bad", "Good"), "de en fr", _XGLUE
    ),
    "wpr": Task(
        "wpr",
        "XGLUE WPR: how well does a web page suit the query?",
        "ranking",
        GRADES,
        ("de", "en", "es", "fr", "it", "pt", "zh"),
        _WPR_METRICS,
        _XGLUE,
    ),
    "ner": Task(
        "ner",
        "XGLUE NER (CoNLL 2002 and 2003): names",
        "tagging",
        CONLL_TAGS,
        ("de", "en", "es", "nl"),
        ("span_f1",),
        {"xglue": _xglue(long="windows"), "own": _OWN},
    ),
    "pos": Task(
        "pos",
        "XGLUE POS: parts of speech",
        "tagging",
        UPOS_TAGS,
        tuple(_XGLUE_POS.split()),
        _POS_METRICS,
        {"xglue": _xglue(2e-5, long="windows"), "own": _OWN},
    ),
    "xcopa": Task(
        "xcopa",
        "XCOPA: which was the cause, which the effect?",
        "choice",
        (),
        tuple(_XCOPA.split()),
        ("accuracy",),
        _MORE,
    ),
    "sib200": _classes(
        "sib200",
        "SIB-200: the topic of a sentence",
        ("entertainment", "geography", "health", "politics", "science/technology", "sports", "travel"),
        _SIB200,
        _MORE,
    ),
    "masakhanews": _classes(
        "masakhanews",
        "MasakhaNEWS: the topic of a news article",
        ("business", "entertainment", "health", "politics", "religion", "sports", "technology"),
        _MASAKHANEWS,
        {"xtreme": Protocol(2e-5, 5, max_length=256), "own": Protocol(1e-3, 6, 32, 256, warmup=0.1, weight_decay=0.01)},
    ),
    "book_nli": _classes("book_nli", "Phrasebook: inference", INFERENCE, _BOOK_LANGUAGES, _BOOK),
    "book_paraphrase": _classes("book_paraphrase", "Phrasebook: paraphrase", BOTH, _BOOK_LANGUAGES, _BOOK),
    "book_topic": _classes("book_topic", "Phrasebook: topic", BOOK_TOPICS, _BOOK_LANGUAGES, _BOOK),
    "book_pos": Task(
        "book_pos",
        "Phrasebook: parts of speech",
        "tagging",
        UPOS_TAGS,
        tuple(_BOOK_LANGUAGES.split()),
        ("tag_accuracy", "legacy_pos"),
        _BOOK,
    ),
    "book_names": Task(
        "book_names",
        "Phrasebook: names",
        "tagging",
        ENTITY_TAGS,
        tuple(_BOOK_LANGUAGES.split()),
        ("span_f1",),
        _BOOK,
    ),
    "book_questions": Task(
        "book_questions",
        "Phrasebook: questions",
        "answering",
        (),
        tuple(_BOOK_LANGUAGES.split()),
        ("squad",),
        {"own": _OWN_ANSWERS},
    ),
    "book_ranking": Task(
        "book_ranking",
        "Phrasebook: ranking",
        "ranking",
        GRADES,
        tuple(_BOOK_LANGUAGES.split()),
        _WPR_METRICS,
        _BOOK,
    ),
    "book_choice": Task(
        "book_choice",
        "Phrasebook: cause and effect",
        "choice",
        (),
        tuple(_BOOK_LANGUAGES.split()),
        ("accuracy",),
        _BOOK,
    ),
}

SUITES: dict[str, tuple[str, ...]] = {
    "xtreme": ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa"),
    "xglue": ("nc", "xnli", "pawsx", "qam", "qadsm", "wpr", "ner", "pos"),
    "phrasebook": tuple(name for name in TASKS if name.startswith("book_")),
    "more": ("xcopa", "sib200", "masakhanews"),
}

# Where a suite tests a task in other languages than the task's own benchmark.
SUITE_LANGUAGES: dict[tuple[str, str], tuple[str, ...]] = {("xglue", "pawsx"): ("de", "en", "es", "fr")}


def task_named(name: str) -> Task:
    """A task by its name.

    Raises:
        UserError: There is no such task; the sentence names those there are.
    """
    if name not in TASKS:
        raise UserError(f"There is no task {name[:40]!r}; there are {', '.join(TASKS)}.")
    return TASKS[name]


def suite_tasks(suite: str, names: tuple[str, ...] = ()) -> tuple[Task, ...]:
    """The tasks of a suite, with the suite's languages.

    Args:
        names: Only these tasks; all by default.

    Raises:
        UserError: No such suite, or a task that it does not have.
    """
    if suite not in SUITES:
        raise UserError(f"There is no suite {suite[:40]!r}; there are {', '.join(SUITES)}.")
    for name in names:
        if name not in SUITES[suite]:
            raise UserError(f"The suite {suite} has no task {name[:40]!r}; it has {', '.join(SUITES[suite])}.")
    return tuple(
        replace(TASKS[name], languages=SUITE_LANGUAGES.get((suite, name), TASKS[name].languages))
        for name in SUITES[suite]
        if not names or name in names
    )

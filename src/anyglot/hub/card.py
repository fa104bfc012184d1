"""The model card: README.md of an upload. It tells what was written down, and says so where nothing was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from anyglot.hub.record import Corpus, Record, TestScore
from anyglot.models.config import EncoderConfig, EncoderDecoderConfig
from anyglot.text.languages import language
from anyglot.text.model_languages import ModelLanguages

NOT_STATED = "not stated"
PIPELINES = {"encoder": "fill-mask", "encoder-decoder": "translation"}
_METRICS = {"BLEU": "bleu", "chrF": "chrf", "chrF++": "chrf", "COMET": "comet"}


@dataclass(frozen=True)
class CardMetadata:
    """What only a person knows: licences, and the base where the run does not name it.

    Attributes:
        licence: Of this model, as the hub spells it (`apache-2.0`).
        base_licence: Of the model the training started from.
        data_licences: By corpus name (`de-en`) or origin.
        base: Hub name of the base.
    """

    licence: str | None = None
    base_licence: str | None = None
    data_licences: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None


def model_card(name: str, record: Record, stated: CardMetadata) -> str:
    """README.md: YAML that the hub reads, and a text for people.

    Args:
        name: Of the repository: `owner/name`.
    """
    front = yaml.safe_dump(front_matter(name, record, stated), sort_keys=False, allow_unicode=True)
    sections = [
        f"# {_line(name.rsplit('/', 1)[-1])}",
        _what_it_is(record, stated),
        _languages(record.languages),
        _usage(name, record),
        _scores(record),
        _data(record, stated),
        _training(record),
        _limits(record),
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def front_matter(name: str, record: Record, stated: CardMetadata) -> dict[str, Any]:
    """The YAML of the card, with the keys that the hub knows; those without a value are left out."""
    known = record.languages
    datasets = sorted({corpus.origin for corpus in record.corpora if corpus.on_hub})
    front: dict[str, Any] = {
        "language": [] if known is None else sorted(known.source | known.supervised | known.target),
        "license": stated.licence or "unknown",
        "library_name": "anyglot",
        "pipeline_tag": PIPELINES[record.config.kind],
        "base_model": stated.base or (record.base if record.base_on_hub else None),
        "datasets": datasets,
        "metrics": sorted({_METRICS[score.metric] for score in record.scores if score.metric in _METRICS}),
        "tags": ["anyglot", *([record.method] if record.method else [])],
        "model-index": [{"name": name.rsplit("/", 1)[-1], "results": [_result(score) for score in record.scores]}]
        if record.scores
        else [],
    }
    return {key: value for key, value in front.items() if value}


def _result(score: TestScore) -> dict[str, Any]:
    return {
        "task": {"type": "translation", "name": f"Translation {score.pair}"},
        "dataset": {"name": score.test, "type": score.test},
        "metrics": [
            {
                "type": _METRICS.get(score.metric, score.metric.lower()),
                "name": score.metric,
                "value": round(score.value, 2),
                "args": {"signature": score.signature},
            }
        ],
    }


def _what_it_is(record: Record, stated: CardMetadata) -> str:
    config = record.config
    base = stated.base or record.base
    kind = "An encoder" if isinstance(config, EncoderConfig) else "A translation model"
    made = f"made with the method `{_line(record.method)}` of anyglot" if record.method else "of the anyglot toolkit"
    start = f", from `{_line(base)}`" if base else ""
    told = f"{kind} {made}{start}."
    if record.checkpoint is not None:
        told += f" It is the checkpoint of update {record.checkpoint:,}, not the model of a finished training."
    lines = [told, "", "| | |", "|---|---|"]
    rows: list[tuple[str, str]] = [("Shape", _shape(config))]
    if record.run.get("parameters"):
        rows.append(("Parameters", f"{int(record.run['parameters']):,}"))
    rows += [
        ("Licence of this model", stated.licence or NOT_STATED),
        (
            "Licence of its base",
            stated.base_licence or ("it has no base" if record.method and not base else NOT_STATED),
        ),
        ("SHA-256 of the weights", f"`{record.weights}`"),
    ]
    return "\n".join(lines + [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows])


def _shape(config: EncoderConfig | EncoderDecoderConfig) -> str:
    encoder = config if isinstance(config, EncoderConfig) else config.encoder
    told = [f"encoder {encoder.stack.layers} x {encoder.stack.width}"]
    if isinstance(config, EncoderDecoderConfig):
        told.append(f"decoder {config.decoder.layers} x {config.decoder.width}")
    told.append(f"{encoder.embeddings.vocabulary_size:,} tokens")
    if config.dropped_skips:
        told.append(f"without the skip of {', '.join(config.dropped_skips)}")
    return ", ".join(told)


def _languages(known: ModelLanguages | None) -> str:
    if known is None:
        return "## Languages\n\nNobody wrote down which languages it knows."
    unseen = known.source - known.supervised - known.target
    told = ["## Languages", ""]
    if known.target:
        told.append(f"- Translates into: {_named(known.target)}")
    if known.supervised:
        told.append(f"- Supervised (parallel data in training): {_named(known.supervised)}")
        if len(known.target) > 1:
            into = {target: [one for one, other in known.pairs if other == target] for target in sorted(known.target)}
            told += [f"- Supervised into {language(code).name}: {_named(into[code]) or 'none'}" for code in into]
        told.append(f"- Zero-shot (read by the encoder, no parallel data): {_named(unseen) if unseen else 'none'}")
    else:
        told.append(f"- Read, without parallel data: {_named(known.source)}")
    return "\n".join(told)


def _named(codes: Iterable[str]) -> str:
    return ", ".join(f"{language(code).name} ({code})" for code in sorted(codes))


def _usage(name: str, record: Record) -> str:
    config = record.config
    if isinstance(config, EncoderConfig):
        auto = "AutoModelForMaskedLM" if config.language_head else "AutoModel"
        return (
            "## How to use it\n\n```python\nimport anyglot.hub  # registers the model with transformers\n"
            f"from transformers import {auto}, AutoTokenizer\n\n"
            f'tokenizer = AutoTokenizer.from_pretrained("{name}")\nmodel = {auto}.from_pretrained("{name}")\n```\n\n'
            f"`method.start={name}` in a recipe of anyglot trains a translator from it."
        )
    known = record.languages
    source, target = ("de", "en") if known is None else min(known.pairs, default=("de", "en"))
    choice, note = "", ""
    if config.target_languages:
        choice = f', target_language=torch.tensor([model.config.network.target_row("{target}")])'
        note = " `target_language` has one entry for each sentence."
    return (
        "## How to use it\n\n"
        f'```python\nfrom anyglot import Translator\n\ntranslator = Translator.from_pretrained("{name}")\n'
        f'translator.translate(["..."], source="{source}", target="{target}")\n```\n\n'
        "or with transformers:\n\n"
        "```python\nimport anyglot.hub  # registers the model with transformers\n"
        + ("import torch\n" if choice else "")
        + "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n'
        f'model = AutoModelForSeq2SeqLM.from_pretrained("{name}")\n'
        'inputs = tokenizer(["..."], return_tensors="pt", padding=True)\n'
        f"written = model.generate(**inputs{choice})\n"
        f"tokenizer.batch_decode(written, skip_special_tokens=True)\n```\n\n"
        f"`generate` searches with beam 5 unless told otherwise.{note}"
    )


def _scores(record: Record) -> str:
    if not record.scores:
        return "## Scores\n\nNone were given with this card."
    with_kind = any(score.kind for score in record.scores)
    names = ["Test", "Pair", *(["Kind"] if with_kind else []), "Sentences", "Metric", "Score", "95 % interval"]
    rows = [
        [
            score.test,
            score.pair,
            *([score.kind or "–"] if with_kind else []),
            str(score.sentences),
            score.metric,
            f"{score.value:.1f}",
            f"{score.low:.1f} to {score.high:.1f}",
        ]
        for score in record.scores
    ]
    signatures = sorted({f"- {score.metric}: `{_line(score.signature)}`" for score in record.scores})
    told = ["## Scores", "", *_table(names, rows), "", "Signatures:", "", *signatures]
    if record.data_hash:
        told += ["", f"Hash of the test data: `{_line(record.data_hash)}`."]
    return "\n".join(told)


def _data(record: Record, stated: CardMetadata) -> str:
    if not record.corpora:
        return "## Training data\n\nNobody wrote down what it was trained on."
    rows = [
        [c.name, c.origin, _licence(c, stated), f"`{c.digest}`" if c.digest else NOT_STATED] for c in record.corpora
    ]
    told = ["## Training data", "", *_table(["Languages", "Origin", "Licence", "SHA-256"], rows)]
    if record.run.get("data"):
        told += ["", f"Fingerprint of all of it as the run read it: `{_line(record.run['data'])}`."]
    return "\n".join(told)


def _licence(corpus: Corpus, stated: CardMetadata) -> str:
    return stated.data_licences.get(corpus.name) or stated.data_licences.get(corpus.origin) or NOT_STATED


def _training(record: Record) -> str:
    run = record.run
    told = {
        "Updates": _number(run.get("updates")),
        "Target tokens": _number(run.get("target_tokens")),
        "Looks at its source from update": _number(run.get("looks_at_source_from")),
        "Precision": run.get("precision"),
        "Seed": run.get("seed"),
        "Recipe (SHA-256)": run.get("recipe"),
        "Commit of anyglot": run.get("commit"),
        "Finished": run.get("finished") if record.checkpoint is None else "no, a checkpoint",
    }
    rows = [[name, str(value)] for name, value in told.items() if value is not None]
    return "\n".join(["## Training", "", *_table(["", ""], rows)]) if rows else ""


def _number(value: Any) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None


def _limits(record: Record) -> str:
    config, told = record.config, []
    encoder = config if isinstance(config, EncoderConfig) else config.encoder
    if encoder.embeddings.positions == "learned":
        room = encoder.embeddings.position_rows - encoder.embeddings.position_offset
        told.append(f"It reads at most {room} tokens at a time. anyglot splits longer text; transformers does not.")
    if isinstance(config, EncoderDecoderConfig):
        told.append("Translations into other languages than those named above are not to be expected.")
        if record.languages is not None and record.languages.supervised:
            told.append(
                "Zero-shot translation is usually worse than supervised, and may come out in the wrong language."
            )
        if config.output_rows is not None:
            size = config.decoder_embeddings.vocabulary_size
            told.append(f"It writes {config.output_rows:,} of the {size:,} tokens only.")
        told.append("No person has judged its translations unless this card says so.")
        if not record.scores:
            told.append("Its quality is unknown: no scores were given.")
        else:
            told.append("The intervals tell of other sentences of the same kind, not of other kinds of text.")
    told.append("It repeats what its training data says, faults and prejudices included.")
    return "\n".join(["## Limits", "", *(f"- {line}" for line in told)])


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(_cell(text) for text in line) + " |" for line in lines]


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: object) -> str:
    """On one line: what others wrote must not become markup of its own."""
    return " ".join(str(text).split()).replace("<", "&lt;")

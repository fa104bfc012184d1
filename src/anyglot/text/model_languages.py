"""Which languages a model was trained for: the `languages.json` of its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from anyglot.errors import UserError
from anyglot.runtime.untrusted_files import read_json
from anyglot.text.language_groups import group_of
from anyglot.text.languages import language
from anyglot.text.templates import LANGUAGES, TOKENS


@dataclass(frozen=True)
class ModelLanguages:
    """Languages of a model, as canonical codes.

    Attributes:
        source: Languages the encoder has seen, in whatever way.
        pairs: Directions it saw parallel data of, each (source, target).
        target: Languages it translates into.
        tokens: Whether it is told languages by the tokens of the checkpoint it was fine-tuned from.
    """

    source: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    target: frozenset[str]
    tokens: bool = False

    @property
    def supervised(self) -> frozenset[str]:
        """Languages it learned to translate from, into whatever language."""
        return frozenset(source for source, _ in self.pairs)

    @classmethod
    def load(cls, folder: Path) -> "ModelLanguages | None":
        """Read a folder's list; None where there is none (checkpoints of other projects).

        A list without "pairs", as older versions wrote it, is taken to have had each "supervised" language into each
        target.
        """
        path = folder / LANGUAGES
        try:
            raw = read_json(path)
        except FileNotFoundError:
            return None
        if not isinstance(raw, dict):
            raise UserError(f"{path} is not a JSON object: copy the model folder again.")
        lists = [raw.get(key, []) for key in ("source", "supervised", "target", "pairs")]
        if not all(isinstance(codes, list) and all(isinstance(code, str) for code in codes) for codes in lists):
            raise UserError(f"{path} must hold lists of language codes under source, supervised, target and pairs.")
        source, supervised, target = (frozenset(language(code).code for code in codes) for codes in lists[:3])
        pairs = frozenset(_pair(name, path) for name in lists[3])
        if "pairs" not in raw:
            pairs = frozenset(product(supervised, target))
        return cls(source=source, pairs=pairs, target=target, tokens=raw.get(TOKENS) is True)

    def generates(self, source: str, target: str) -> bool:
        """Whether a direction is none of translation: one language, or one that is new to a model that saw no other."""
        if source == target:
            return True
        alike = [read == written for read, written in self.pairs]
        return bool(alike) and all(alike)

    def check_target(self, code: str) -> None:
        """Refuse a target language the model cannot write."""
        if not self.target:
            raise UserError(
                "this model has a decoder but was never trained to translate: fine-tune it, or what it was made "
                "from (docs/baselines.md, docs/veco.md)."
            )
        if code not in self.target:
            raise UserError(
                f"this model translates into {_listed(self.target)}, not into {named(code)}: "
                "choose one of these or another model."
            )

    def warning(self, source: str, target: str) -> str | None:
        """One sentence on a direction without parallel data; None for a supervised one.

        Zero-shot translation is what these models are for, so it is a remark and no error.
        """
        if (source, target) in self.pairs:
            return None
        if source in self.supervised:
            seen = _listed(frozenset(into for read, into in self.pairs if read == source))
            return (
                f"{named(source)} to {named(target)} is zero-shot: the model saw no parallel data of this direction "
                f"(from {source} it did into {seen})."
            )
        if source in self.source:
            seen = _listed(self.supervised)
            return f"{named(source)} is zero-shot: the model saw no parallel data of it (it did of {seen})."
        return f"the model was never trained on {named(source)} (only on {_listed(self.source | self.supervised)})."


def check_projection(languages: Sequence[str], target: str) -> None:
    """Refuse a target language without a projection, where the model has projections (see `layers.projection`)."""
    if languages and target not in languages:
        raise UserError(
            f"this model has projections for the target languages {_listed(frozenset(languages))}, not for "
            f"{named(target)}: choose one of these or another model."
        )


def part_of(groups: Sequence[str], source: str, target: str, parts: str) -> int:
    """Index of the part of a model, `parts` being what they are called, that serves a direction.

    Raises:
        UserError: None does; names the groups that have one.
    """
    index = group_of(groups, source, target)
    if index is None:
        raise UserError(
            f"this model has {parts} for {', '.join(groups)}, none for {source}-{target}: choose one of these or "
            "another model."
        )
    return index


def named(code: str) -> str:
    """Name and code: `German (de)`."""
    return f"{language(code).name} ({code})"


def _pair(name: str, path: Path) -> tuple[str, str]:
    """Both languages of `de-en`; a code may have a hyphen of its own (`zh-Hant-en`)."""
    parts = name.split("-")
    for cut in range(1, len(parts)):
        try:
            return language("-".join(parts[:cut])).code, language("-".join(parts[cut:])).code
        except UserError:
            continue
    raise UserError(f"{path} names the pair '{name}', which is not two language codes: copy the model folder again.")


def _listed(codes: frozenset[str]) -> str:
    ordered = sorted(codes)
    shown = ", ".join(ordered[:12])
    return f"{shown} and {len(ordered) - 12} more" if len(ordered) > 12 else shown or "no language"

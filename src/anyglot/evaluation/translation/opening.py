"""A model as a system of an evaluation: opened when its turn comes, and asked for what its scores depend on."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from anyglot.evaluation.translation.hypotheses import weights_hash
from anyglot.evaluation.translation.results import Kind, kind_of
from anyglot.evaluation.translation.run import System
from anyglot.evaluation.translation.timing import BATCH, Timed, parameters_of
from anyglot.inference.generation.pieces import TruncatedWarning
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.models.fingerprint import hashed
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.unfinished_runs import taken

Say = Callable[[str], None]


def opener(
    name: str, label: str, settings: SearchSettings, device: str | None, precision: str, say: Say
) -> Callable[[], System]:
    """A function that loads a model and makes a system of it."""

    def open_system() -> System:
        say(f"loading {label}")
        folder = local_folder(name)  # once: of a run that goes, another checkpoint may be the best a moment later
        checkpoint = taken(folder)
        translator = Translator.from_pretrained(
            name if checkpoint is None else folder, device=device, precision=precision
        )
        made_from = {
            "weights": weights_hash(folder),
            **({} if checkpoint is None else {"checkpoint": checkpoint}),
        }
        return _system(translator, label, settings, made_from, parameters_of(folder), say)

    return open_system


def opened(translator: Translator, label: str, settings: SearchSettings, say: Say) -> System:
    """A system of a model in memory, which may no longer be what its folder holds: its weights are hashed as they are.

    Raises:
        UserError: The settings are not for this model.
    """
    model = translator.model
    tensors = [*model.named_parameters(), *model.named_buffers()]
    made_from = {"weights": hashed("weights in memory 1", tensors)}
    counted = sum(parameter.numel() for parameter in model.parameters())
    return _system(translator, label, settings, made_from, (counted, None), say)


def _system(
    translator: Translator,
    label: str,
    settings: SearchSettings,
    made_from: Mapping[str, Any],
    parameters: tuple[int | None, int | None],
    say: Say,
) -> System:
    languages = translator.languages
    # Models that cannot write over what they wrote stand beside those that can.
    wanted = settings if translator.searching.refines else replace(settings, rounds=None)
    settled = translator.searching.settle(wanted)

    def check(source: str, target: str) -> None:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            translator.check_languages(source, target)
        for each in found:
            say(f"{label}: {each.message}")

    def kind(source: str, target: str) -> Kind | None:
        return None if languages is None else kind_of(source, target, languages.pairs)

    def translate(texts: list[str], source: str, target: str) -> list[str]:
        tenths = _Tenths(f"{label}: {source}-{target}", say)
        before = translator.counts.truncated
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedWarning)  # said below, once a test set
            ranked = translator.translate_n_best(
                texts, source=source, target=target, settings=settled, progress=tenths.note
            )
        if (truncated := translator.counts.truncated - before) > 0:
            say(f"{label}: {source}-{target} {truncated:,} texts longer than is read at once, their end not read")
        return [candidates[0].text for candidates in ranked]

    room = replace(settled, batch_tokens=max(settled.batch_tokens, BATCH * (settled.max_length + 2)))

    def quietly(texts: list[str], source: str, target: str) -> None:
        translator.translate_n_best(texts, source=source, target=target, settings=room)

    device_type = next(translator.model.parameters()).device.type
    timed = Timed(quietly, translator.precision, device_type, *parameters)
    everything = {"model": translator.identity, "device": device_type, **asdict(settled), **made_from}
    return System(label, everything, check, kind, translate, timed, settled.facts())


class _Tenths:
    """Says how far a translation is, every tenth of it."""

    def __init__(self, title: str, say: Say) -> None:
        self._title, self._say, self._last = title, say, 0

    def note(self, share: float, tokens: int) -> None:
        tenths = int(share * 10)
        if tenths > self._last:
            self._last = tenths
            self._say(f"{self._title} {tenths * 10} %")

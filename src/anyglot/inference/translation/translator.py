"""Translator: a model folder as a function from texts to texts."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Unpack, cast, overload

from anyglot.errors import UserError
from anyglot.inference.generation.autoregressive import Counts, Progress, StepByStep
from anyglot.inference.generation.generate import Generator, generator_of
from anyglot.inference.generation.pieces import Candidate, Piece, TruncatedWarning, joined
from anyglot.inference.generation.settings import Overlong, SearchSettings, chosen_decoder
from anyglot.inference.generation.speculation import drafted
from anyglot.inference.translation.cutting import cut
from anyglot.inference.translation.keywords import Keywords, shown
from anyglot.inference.translation.loading import TranslationModel, fetch_model, fetch_prompts, fingerprint, restrict
from anyglot.inference.translation.sources import AUTO, by_source
from anyglot.models.device import choose_device, choose_precision
from anyglot.models.precision import prepare, prepare_prompts
from anyglot.models.prompt_files import prompted
from anyglot.models.prompted import PromptedEncoder
from anyglot.runtime import arguments
from anyglot.text.identification import Identifier
from anyglot.text.lines import clean, too_long
from anyglot.text.model_languages import ModelLanguages
from anyglot.text.protocols import TextTokenizer
from anyglot.text.sentences import joiner
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.translation_templates import Framing, template_of
from anyglot.text.trimmed_record import Record, UnreadableWarning


@dataclass(repr=False)
class Translator:
    """Translates texts with one model. Make one with `from_pretrained`.

    Attributes:
        model: In eval mode, on its device, in its precision.
        tokenizer: Of the model's folder.
        languages: What the model was trained for; None if it is not recorded (other projects' checkpoints). Such a
            model gets the language tokens of its tokenizer where it wants them (`text/translation_templates.py`).
        name: What the user called the model.
        identity: Changes whenever the same text could be translated otherwise.
        precision: What it computes in: "fp32", "bf16", "fp16" or "int8".
        trimmed: What a trimmed model can still read; None for a whole one.
        counts: Statistics.
        identifiers: What tells source languages apart, by target language.

    Example:
        >>> translator = Translator.from_pretrained("runs/demo/sixt")            # doctest: +SKIP
        >>> translator.translate(["Il gatto dorme in giardino."], source="it", target="en")  # doctest: +SKIP
        ['The cat is sleeping in the garden.']
    """

    model: TranslationModel
    tokenizer: TextTokenizer
    languages: ModelLanguages | None
    name: str = ""
    identity: str = ""
    precision: str = ""
    trimmed: Record | None = None
    counts: Counts = field(default_factory=Counts)
    _remarked: set[str] = field(default_factory=set, repr=False)
    _base: str | None = field(default=None, repr=False)
    _vocabulary: str | Path | None = field(default=None, repr=False)
    identifiers: dict[str, Identifier] = field(default_factory=dict, repr=False)

    @classmethod
    def from_pretrained(
        cls,
        path_or_name: str | Path,
        device: str | None = None,
        precision: str = "auto",
        vocabulary: str | Path | None = None,
        batch_independent: bool = True,
        prompts: str | Path | None = None,
    ) -> "Translator":
        """Open a model folder, or a model of the hub.

        Args:
            path_or_name: A folder with config.json, model.safetensors, the tokenizer's files and languages.json (a
                finished run is one), or a hub name.
            device: "cpu", "cuda", "cuda:1"; None takes a GPU if there is one.
            precision: "fp32", "bf16", "fp16", "int8", "auto" (fp32, or bf16 where that is faster), or "fast" (int8
                too); see `choose_precision`.
            vocabulary: A file of `anyglot data vocabulary`: translations are written with its tokens only. A model that
                was trained or trimmed with such a choice keeps to it anyway.
            batch_independent: On a CPU a text's translation and score are the same, bit for bit, whatever is translated
                beside it, where a measurement does not find that this machine cannot: the attribute says.
            prompts: A folder of prompts (`anyglot model export RUN --to prompts`, or the run itself, of which a
                checkpoint is taken while it has not ended) that make a translator of the model, which is then any
                encoder with its language head.

        Raises:
            UserError: No such model, a damaged one, one of another family, a device or precision that is not there, a
                vocabulary of another tokenizer, or prompts of an encoder of another shape.

        Warns:
            UserWarning: The prompts were trained over an encoder of the same shape with other weights; translations
                depend on the batch here though that was not wanted.
        """
        place = choose_device(device)
        arguments.place("the model", path_or_name)
        saved = None if prompts is None else fetch_prompts(prompts)
        folder, model, base = fetch_model(path_or_name, saved)
        tokenizer = load_tokenizer(folder)
        restriction = "" if vocabulary is None else "-" + restrict(model, tokenizer, vocabulary)
        stack = model.config.generating_stack
        kind = choose_precision(precision, place, stack.width, stack.feedforward_width, model.output.size)
        model = prepare(model, kind, place, batch_independent=batch_independent)
        return cls(
            model=model,
            tokenizer=tokenizer,
            languages=ModelLanguages.load(folder if saved is None else saved.folder),
            name=str(path_or_name),
            identity=f"{fingerprint(folder)}-{kind}{'' if model.batch_invariant else '-dependent'}{restriction}"
            + ("" if saved is None else f"-{fingerprint(saved.folder)}"),
            precision=kind,
            trimmed=Record.load(folder),
            _base=base,
            _vocabulary=vocabulary,
        )

    def __repr__(self) -> str:
        parameters = list(self.model.parameters())
        size = sum(parameter.numel() for parameter in parameters)
        return f"Translator({self.name!r}, {size:,} parameters, {self.precision} on {parameters[0].device})"

    @staticmethod
    def precision_in(identity: str) -> str:
        """The precision that an `identity` tells of."""
        return identity.split("-")[1]

    def with_prompts(self, prompts: str | Path) -> "Translator":
        """Another translator over the same encoder: its memory is shared, and so are its precision and device.

        Args:
            prompts: A folder as in `from_pretrained`.

        Raises:
            UserError: This model is not made by prompts, or the folder's do not fit its encoder.

        Warns:
            UserWarning: The prompts were trained over an encoder of the same shape with other weights.
        """
        if not isinstance(self.model, PromptedEncoder) or self._base is None:
            raise UserError(
                f"{self.name} is not made by prompts over an encoder, so other prompts cannot take its place."
            )
        saved = fetch_prompts(prompts)
        model = prompted(self.model.encoder, saved, self.name, self._base)
        restriction = "" if self._vocabulary is None else restrict(model, self.tokenizer, self._vocabulary)
        return replace(
            self,
            model=prepare_prompts(model, self.model),
            languages=ModelLanguages.load(saved.folder),
            identity=f"{self.identity}-{fingerprint(saved.folder)}{restriction}",
            counts=Counts(),
            _remarked=set(),
        )

    @property
    def batch_independent(self) -> bool:
        """Whether a text's translation and score are the same, bit for bit, whatever is translated beside it."""
        return self.model.batch_invariant and next(self.model.parameters()).device.type == "cpu"

    # A str is an iterable of str too, so that a type checker finds the first and third within the others.
    @overload
    def translate(self, texts: str, *, n_best: None = None, **how: Unpack[Keywords]) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, texts: Iterable[str], *, n_best: None = None, **how: Unpack[Keywords]) -> list[str]: ...
    @overload
    def translate(self, texts: str, *, n_best: int, **how: Unpack[Keywords]) -> list[Candidate]: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, texts: Iterable[str], *, n_best: int, **how: Unpack[Keywords]) -> list[list[Candidate]]: ...
    def translate(
        self,
        texts: str | Iterable[str],
        *,
        source: str | Sequence[str],
        target: str | Sequence[str],
        n_best: int | None = None,
        prefixes: Sequence[str] | None = None,
        decoder: str | None = None,
        beam: int | None = None,
        length_penalty: float = 1.0,
        max_length: int = 200,
        max_source_length: int | None = None,
        overlong: str | None = None,
        batch_tokens: int = 4096,
        rounds: int | None = None,
        draft: "Translator | Sequence[str] | None" = None,
        progress: Progress | bool | None = None,
    ) -> str | list[str] | list[Candidate] | list[list[Candidate]]:
        """Translate a text, or texts; as many come out as went in, each on one line.

        Control characters and line separators count as spaces. An empty or blank text stays empty. A text
        longer than is read at once is cut into sentences (then at commas, whitespace, characters), and the
        translated pieces are joined; where something else than a translation is written (see `generates`) its end is
        not read.

        Args:
            texts: A text in the source language, whose translation is returned; or texts, in a list or anything else
                that is gone through in order.
            source: Language code of any common scheme (`de`, `deu`, `deu_Latn`, `de_DE`) or English name; one for all
                texts, or one a text. "auto": what an identifier takes each text for (extra [lid]; errs on short ones).
            target: The same for the target, but for "auto".
            n_best: How many translations of each text are returned, with their scores, best first; fewer where fewer
                are found. None: the best one, as text.
            prefixes: What each translation must begin with, "" for nothing. Of a text that is split it begins the
                first piece. An empty text stays empty all the same.
            decoder: "beam", "greedy", "speculative" (as greedy, quicker with a good draft) or "sample"; of a model that
                writes all words at once "ctc". None: "beam" or "ctc". Settings of sampling: see `translate_n_best`.
            beam: Hypotheses per sentence; None: 5, and for "ctc" 1, the best path.
            length_penalty: See `decoding.beam_search`.
            max_length: Most tokens of a translation.
            max_source_length: Most source tokens read at once; None: 202, or where nothing is split what the model has
                positions for. See `SearchSettings.source_room`.
            overlong: "split" or "truncate": what happens to a longer text. None: as said above.
            batch_tokens: Source tokens in a batch, padding included.
            rounds: How often a model that writes all words at once may write over what it wrote: see `SearchSettings`.
            draft: Of "speculative": what drafts, or the drafts, one a text; they decide how long it takes and nothing
                else. None: the source stands in.
            progress: Told after each batch; True shows a bar on standard error.

        Raises:
            UserError: Something that is no text among the texts (a TypeError too), an unknown language, a target the
                model was not trained for, a setting out of range, a text of more than 200,000 characters, a prefix the
                model cannot write.

        Warns:
            UserWarning: Once a direction, if the model saw no parallel data of it.
            TruncatedWarning: Of texts whose end was not read, how many.
        """
        settings = SearchSettings(
            decoder=chosen_decoder(decoder),
            beam=beam,
            length_penalty=length_penalty,
            max_length=max_length,
            max_source_length=max_source_length,
            overlong=overlong,
            batch_tokens=batch_tokens,
            rounds=rounds,
            n_best=1 if n_best is None else n_best,
        )
        given = [texts] if isinstance(texts, str) else arguments.texts("texts", texts)
        with shown(progress, len(given)) as told:
            ranked = self.translate_n_best(
                given, source=source, target=target, prefixes=prefixes, settings=settings, draft=draft, progress=told
            )
        if n_best is not None:
            return ranked[0] if isinstance(texts, str) else ranked
        best = [candidates[0].text for candidates in ranked]
        return best[0] if isinstance(texts, str) else best

    def translate_n_best(
        self,
        texts: Sequence[str],
        *,
        source: str | Sequence[str],
        target: str | Sequence[str],
        prefixes: Sequence[str] | None = None,
        settings: SearchSettings | None = None,
        draft: "Translator | Sequence[str] | None" = None,
        progress: Progress | None = None,
    ) -> list[list[Candidate]]:
        """Translate texts as `translate` does and return up to `settings.n_best` translations of each, best first.

        Samples are in the order they were drawn: each is one draw, whatever its score. Of a text that was split, the
        n-th translation joins the n-th of each piece (or a piece's last), and its score is their mean. An empty text
        has one translation, the empty one.
        """
        settings = self.searching.settle(settings or SearchSettings())
        texts = arguments.texts("texts", texts)
        if source == AUTO or not isinstance(source, str):
            return by_source(self, texts, source, target, prefixes, settings, draft, progress)
        source_code = self.framing.source(source)
        target = target if isinstance(target, str) else arguments.texts("target languages", target)
        each = [target] * len(texts) if isinstance(target, str) else target
        targets = arguments.one_each("target languages", each, texts)
        for code in dict.fromkeys([target] if isinstance(target, str) else targets):
            self.check_languages(source, code)
        targets = [self.framing.target(code) for code in targets]
        openings = arguments.one_each("prefixes", [""] * len(texts) if prefixes is None else prefixes, texts)
        for number, text in enumerate(texts, start=1):
            if len(text) > settings.max_characters:
                raise too_long(number, len(text), settings.max_characters)
        framed = zip(texts, targets, openings, strict=True)
        rooms = {language: self._room(source_code, language, settings) for language in dict.fromkeys(targets)}
        wanted = [
            Piece(clean(text), language, clean(opening), room=rooms[language]) for text, language, opening in framed
        ]
        self._check_readable([piece.source for piece in wanted])
        pieces = self._pieces(wanted, source_code, settings)
        unique = list(dict.fromkeys(piece for row in pieces for piece in row))
        if draft is not None and settings.decoder != "speculative":
            raise UserError(f"a draft is for `decoder=speculative`, not for {settings.decoder}: leave one of them out.")
        drafts: Translator | dict[Piece, str] | None = draft if isinstance(draft, Translator) else None
        if draft is not None and drafts is None:  # a draft is of a whole text, not of its parts
            drafts = dict(zip(wanted, map(clean, arguments.one_each("drafts", draft, texts)), strict=True))
        ready = drafted(unique, source_code, drafts, self.tokenizer)
        translated = dict(zip(unique, self.searching.search(ready, source_code, settings, progress), strict=True))
        self.counts.texts += len(texts)
        return [
            joined([translated[piece] for piece in row], joiner(text.target))
            for text, row in zip(wanted, pieces, strict=True)
        ]

    def draft(self, texts: Sequence[str], source: str, targets: Sequence[str]) -> list[Candidate]:
        """Translate as quickly as the model can, each text into its own target."""
        settings = SearchSettings(decoder=self.searching.quickest)
        return [one[0] for one in self.translate_n_best(texts, source=source, target=targets, settings=settings)]

    def _check_readable(self, texts: Sequence[str]) -> None:
        """Count texts with characters that a trimmed model does not know; refuse when it could only make things up."""
        found = 0 if self.trimmed is None else self.trimmed.check(texts, self.tokenizer)
        self.counts.unreadable += found
        if found:
            warnings.warn(
                f"{found} of {len(texts)} texts hold characters that this trimmed model does not know; they are lost.",
                UnreadableWarning,
                stacklevel=3,
            )

    @cached_property
    def framing(self) -> Framing:
        """What stands around a sentence, languages included."""
        rows = self.model.config.source_embeddings.vocabulary_size
        start = self.model.config.start_id if isinstance(self.model, StepByStep) else None
        return template_of(self.tokenizer, self.languages, start, rows, self.name)

    @cached_property
    def searching(self) -> Generator:
        """What translates pieces."""
        return generator_of(self.model, self.tokenizer, self.framing, self.counts)

    def check_languages(self, source: str, target: str) -> None:
        """Refuse languages the model cannot be told; warn once of a direction it saw no parallel data of."""
        source, target = self.framing.source(source), self.framing.target(target)
        self.searching.check_direction(source, target)
        remark = self.framing.warning(source, target)
        if remark is not None and remark not in self._remarked:
            self._remarked.add(remark)
            warnings.warn(remark, UserWarning, stacklevel=3)

    def generates(self, source: str, target: str) -> bool:
        """Whether this model, asked for a direction, writes something else than a translation: a summary, a question.

        So it does where both languages are one, where it was trained on such pairs only, and where it was made to write
        freely (`method: sga_generation`). A source that is too long is then read to its limit and answered once: the
        outputs of its parts, joined, would be several summaries.
        """
        source, target = self.framing.source(source), self.framing.target(target)
        alone = source == target if self.languages is None else self.languages.generates(source, target)
        return alone or self.searching.writes_freely

    def overlong(self, source: str, target: str, settings: SearchSettings) -> Overlong:
        """What happens to a source of a direction that is too long to be read at once."""
        return cast(Overlong, settings.overlong or ("truncate" if self.generates(source, target) else "split"))

    def _room(self, source: str, target: str, settings: SearchSettings) -> int:
        return settings.source_room(self.searching.source_limit, self.overlong(source, target, settings))

    def _pieces(self, texts: Sequence[Piece], source: str, settings: SearchSettings) -> list[list[Piece]]:
        """Each text as the pieces it is written from, with their tokens; an empty text has none."""
        known: dict[tuple[str, str], tuple[int, ...]] = {}

        def fits(parts: Sequence[str], like: Piece) -> list[bool]:
            encoded = self.framing.encode(parts, source, [like.target] * len(parts))
            known.update({(part, like.target): tuple(ids) for part, ids in zip(parts, encoded, strict=True)})
            return [len(ids) <= (like.room or self.searching.source_limit) for ids in encoded]

        def truncates(text: Piece) -> bool:
            return self.overlong(source, text.target, settings) == "truncate"

        result, truncated = cut(texts, fits, truncates)
        self.counts.split += sum(len(pieces) > 1 for pieces in result)
        self.counts.truncated += len(truncated)
        if truncated:
            warnings.warn(
                f"{len(truncated)} of {len(texts)} texts have more than the {truncated[0].room} tokens that are read "
                "at once: their end is not read.",
                TruncatedWarning,
                stacklevel=3,
            )
        return [[replace(one, tokens=known.get((one.source, one.target))) for one in pieces] for pieces in result]

    def check_prefixes(self, prefixes: Sequence[str], target: str, settings: SearchSettings) -> None:
        """Refuse prefixes that no translation can begin with.

        Raises:
            UserError: One has characters without a token, or leaves no room for a translation.
        """
        self.searching.prefixes(
            [Piece("", self.framing.target(target), clean(prefix)) for prefix in prefixes], settings
        )

"""How to search: checked once, at the door."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from anyglot.errors import UserError
from anyglot.inference.decoding import SamplingRule
from anyglot.inference.decoding.mask_predict import ITERATIONS, REMASKINGS, MaskPredictRule, Remasking
from anyglot.inference.decoding.refine import ROUNDS
from anyglot.runtime.arguments import real, shown, truth, whole
from anyglot.text.lines import MAX_CHARACTERS

Decoder = Literal["beam", "greedy", "sample", "speculative", "ctc", "mask-predict"]
AUTOREGRESSIVE: tuple[Decoder, ...] = ("beam", "greedy", "sample")
"""Decoders of a model that writes word by word, the default first."""
VERIFYING: tuple[Decoder, ...] = (*AUTOREGRESSIVE, "speculative")
"""Those of one that can also look at several words at once and take them back."""
PARALLEL: tuple[Decoder, ...] = ("ctc",)
"""Decoders of a model that writes all words at once, the default first."""
GENERATIVE: tuple[Decoder, ...] = ("mask-predict",)
"""Those of one that writes all words at once on a canvas whose length it predicts."""
DECODERS = VERIFYING + PARALLEL + GENERATIVE
Overlong = Literal["split", "truncate"]
OVERLONG: tuple[Overlong, ...] = get_args(Overlong)
"""What may happen to a source that is too long to be read at once."""
TRANSLATED_AT_ONCE = 202
"""Source tokens of a text that is translated whole: SixT+'s most tokens of a translation (method card 1.6), 200, and
the two special ones."""
READ_AT_ONCE = 512
"""Source tokens that are read where positions have no end: those of summarisation (method card 1.7)."""
ENDLESS = 1_000_000
"""Positions of a model that has no last one."""
SHORTEST_SOURCE = 8
BEAMS = 5
MAX_BEAMS = 100
MAX_ROUNDS = 100
MAX_ITERATIONS = 1000


def chosen_decoder(name: str | None, among: Sequence[Decoder] = DECODERS) -> Decoder | None:
    """The decoder of this name; without one the model decides.

    Raises:
        UserError: There is none among these.
    """
    if name is None:
        return None
    for decoder in among:
        if decoder == name:
            return decoder
    raise UserError(f"there is no decoder '{name}' here: choose one of {', '.join(among)}.")


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search. The defaults are SixT+'s (method card 1.6).

    Attributes:
        decoder: "beam", "greedy" (faster, somewhat worse), "speculative" (greedy from drafts) or "sample"; of a model
            that writes all words at once "ctc". None: the model's own default.
        beam: Hypotheses per sentence, of effect with "beam" (where None is 5) and "ctc" (where None is as many as are
            wanted, and 1 is the best path).
        length_penalty: Exponent of the length that a hypothesis's log-probability is divided by.
        n_best: Translations wanted of each text.
        max_length: Most tokens of what is written. One that runs into it is cut there, and counted.
        length_ratio: Where given, most tokens besides are 10 more than this many for each token of the source: a model
            that has not yet learned to end would write to `max_length` otherwise. Of effect where words are written one
            by one.
        max_source_length: Most source tokens read at a time, special ones included. None: see `source_room`.
        overlong: What happens to a longer source: "split" after its sentences, the outputs of the pieces joined (what a
            translation bears), or "truncate", one output of its beginning (what a summary or a question needs). None:
            "truncate" where the task generates something, else "split"; see `Translator.generates`.
        batch_tokens: Source tokens in a batch, padding included; each stands for `rows` rows of work.
        max_characters: Longest text accepted.
        rounds: How often "ctc" lets the model write over what it wrote; a sentence that no longer changes stops before.
            0: what is written first is the translation. None: 2, or 0 for a model that cannot.
        show_rounds: Whether "ctc" keeps what each round wrote.
        iterations, length_beam, remasking: Of "mask-predict" alone; see `decoding.mask_predict.MaskPredictRule`. None:
            4, as many as translations are wanted, "paper". Its `rounds` are of the denoiser, 1 where None.
        temperature, top_k, top_p, seed: Of sampling alone; see `decoding.SamplingRule`.
    """

    decoder: Decoder | None = None
    beam: int | None = None
    length_penalty: float = 1.0
    n_best: int = 1
    max_length: int = 200
    length_ratio: float | None = None
    max_source_length: int | None = None
    overlong: str | None = None
    batch_tokens: int = 4096
    max_characters: int = MAX_CHARACTERS
    rounds: int | None = None
    show_rounds: bool = False
    iterations: int | None = None
    length_beam: int | None = None
    remasking: str | None = None
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        for name, highest in (
            ("beam", MAX_BEAMS),
            ("length_beam", MAX_BEAMS),
            ("n_best", MAX_BEAMS),
            ("max_length", 10_000),
            ("max_source_length", ENDLESS),
            ("batch_tokens", 10_000_000),
            ("max_characters", 100_000_000),
        ):
            value = getattr(self, name)
            if value is not None or name not in ("beam", "length_beam", "max_source_length"):
                whole(f"`{name}`", value, 1, highest)
        real("`length_penalty`", self.length_penalty, -10, 10)
        if self.length_ratio is not None:
            real("the length ratio", self.length_ratio, 0, 1000)
        truth("`show_rounds`", self.show_rounds)
        if self.decoder is not None and self.decoder not in DECODERS:
            raise UserError(f"there is no decoder {shown(self.decoder)}: choose one of {', '.join(DECODERS)}.")
        self._check_source()
        self._check_sampling()
        self._check_rounds()
        self._check_mask_predict()
        if (self.decoder is not None or self.beam is not None) and self.n_best > self.rows:
            raise UserError(
                f"{self.n_best} translations were asked of a search that keeps {self.rows}: "
                f"use `{'length_beam' if self.decoder == 'mask-predict' else 'beam'}={self.n_best}`, "
                "or `decoder=sample` where the model can."
            )

    def settled(self, decoders: Sequence[Decoder], *, refines: bool = False) -> "SearchSettings":
        """These settings for one model, with nothing left to its defaults.

        Args:
            decoders: Those of the model, its default first.
            refines: Whether it can write over what it wrote.

        Raises:
            UserError: The model has no such decoder, cannot keep as many translations, or cannot do such rounds.
        """
        decoder = self.decoder or decoders[0]
        if decoder not in decoders:
            way = "word by word" if decoders[0] in AUTOREGRESSIVE else "all words at once"
            raise UserError(
                f"this model writes {way}, which `decoder={decoder}` is not for: use {' or '.join(decoders)}."
            )
        if decoder == "mask-predict":
            return self._settled_mask_predict(refines)
        self._refuse_mask_predict(decoder)
        if decoder != "ctc":
            if self.rounds is not None or self.show_rounds:
                raise UserError(
                    f"rounds belong to `decoder=ctc`, not to {decoder}: leave `rounds` and `show_rounds` out."
                )
            return replace(self, decoder=decoder, beam=self.beam or BEAMS)
        if self.rounds and not refines:
            raise UserError(
                f"{self.rounds} rounds were asked of a model that cannot write over what it wrote: use `rounds=0`."
            )
        rounds = self.rounds if self.rounds is not None else ROUNDS if refines else 0
        return replace(self, decoder=decoder, beam=self.beam or self.n_best, rounds=rounds)

    def _settled_mask_predict(self, refines: bool) -> "SearchSettings":
        if self.beam is not None:
            raise UserError("`beam` is not for `decoder=mask-predict`: give `length_beam` to try several lengths.")
        if self.rounds and not refines:
            raise UserError(f"{self.rounds} rounds were asked of a model without a denoiser: use `rounds=0`.")
        settled = replace(
            self,
            decoder="mask-predict",
            rounds=int(refines) if self.rounds is None else self.rounds,
            iterations=ITERATIONS if self.iterations is None else self.iterations,
            length_beam=self.length_beam or self.n_best,
            remasking=self.remasking or "paper",
        )
        if not settled.iterations and not settled.rounds:
            raise UserError("no iterations and no rounds leave nothing to write with: raise `iterations` or `rounds`.")
        return settled

    def facts(self) -> dict[str, object]:
        """What of settled settings has an effect, by the name that a report gives it."""
        of_decoder: dict[Decoder, tuple[str, ...]] = {
            "beam": ("beam",),
            "ctc": ("beam", "rounds"),
            "mask-predict": ("iterations", "length_beam", "remasking", "rounds"),
            "sample": ("temperature", "top_k", "top_p", "seed"),
        }
        assert self.decoder is not None  # settled
        named = {name.replace("_", " "): getattr(self, name) for name in of_decoder.get(self.decoder, ())}
        further: dict[str, object] = {"length penalty": self.length_penalty, "max length": self.max_length}
        for name in ("length_ratio", "max_source_length", "overlong"):
            if getattr(self, name) is not None:
                further[name.replace("_", " ")] = getattr(self, name)
        return {"decoder": self.decoder, **named, **further}

    def mask_predict_rule(self) -> MaskPredictRule:
        """How "mask-predict" writes."""
        iterations = ITERATIONS if self.iterations is None else self.iterations
        return MaskPredictRule(iterations, cast(Remasking, self.remasking or "paper"), self.rows)

    def _refuse_mask_predict(self, decoder: Decoder) -> None:
        for name in ("iterations", "length_beam", "remasking"):
            if getattr(self, name) is not None:
                raise UserError(f"`{name}` belongs to `decoder=mask-predict`, not to {decoder}: leave it out.")

    def _check_mask_predict(self) -> None:
        if self.iterations is not None:
            whole("`iterations`", self.iterations, 0, MAX_ITERATIONS)
        if self.remasking is not None and self.remasking not in REMASKINGS:
            raise UserError(f"there is no re-masking '{self.remasking}': choose one of {', '.join(REMASKINGS)}.")
        if self.decoder is not None and self.decoder != "mask-predict":
            self._refuse_mask_predict(self.decoder)

    def source_room(self, positions: int, overlong: Overlong) -> int:
        """Most source tokens read at a time, special ones included.

        Args:
            positions: What the model has positions for.
            overlong: What happens to a source with more.

        Returns:
            `max_source_length` where that is given. Else the model's positions where the rest would be cut off, or 512
            (method card 1.7) where they have no end; where it is split what a translation of 200 tokens
            has room for, as a translation that is cut short loses text and a split one does not.
        """
        usual = TRANSLATED_AT_ONCE if overlong == "split" else positions if positions < ENDLESS else READ_AT_ONCE
        return min(positions, self.max_source_length or usual)

    def check_positions(self, positions: int) -> None:
        """Refuse a source length that a model has no positions for.

        Raises:
            UserError: It has fewer.
        """
        if self.max_source_length is not None and self.max_source_length > positions:
            raise UserError(
                f"this model has positions for {positions} source tokens, `max_source_length` asks for "
                f"{self.max_source_length}: lower it."
            )

    def _check_source(self) -> None:
        if self.max_source_length is not None and self.max_source_length < SHORTEST_SOURCE:
            raise UserError(
                f"`max_source_length={self.max_source_length}` leaves no room for text between the special tokens: "
                f"take at least {SHORTEST_SOURCE}."
            )
        if self.overlong is not None and self.overlong not in OVERLONG:
            raise UserError(
                f"there is no rule {shown(self.overlong)} for overlong sources: choose one of {', '.join(OVERLONG)}."
            )

    def _check_rounds(self) -> None:
        if self.rounds is not None:
            whole("`rounds`", self.rounds, 0, MAX_ROUNDS)
        if self.show_rounds and self.n_best > 1:
            raise UserError("`show_rounds` and `n_best` give each line another form: ask for one of them.")

    def _check_sampling(self) -> None:
        given = {
            "temperature": self.temperature != 1.0,
            "top_k": self.top_k is not None,
            "top_p": self.top_p is not None,
        }
        if self.decoder != "sample" and any(given.values()):
            name = next(name for name, present in given.items() if present)
            raise UserError(f"`{name}` is a setting of sampling: give `decoder=sample` too, or leave it out.")
        real("`temperature`", self.temperature, 0.01, 100)
        if self.top_k is not None:
            whole("`top_k`", self.top_k, 1, 10_000_000)
        if self.top_p is not None and real("`top_p`", self.top_p, 0, 1) == 0:
            raise UserError(f"`top_p` must be above 0 and at most 1, not {self.top_p}.")
        whole("`seed`", self.seed, 0, (1 << 63) - 1)

    def sampling_rule(self) -> SamplingRule:
        """What "sample" draws from."""
        return SamplingRule(self.temperature, self.top_k, self.top_p, self.seed)

    @property
    def rows(self) -> int:
        """Hypotheses per sentence."""
        if self.decoder in ("greedy", "speculative"):
            return 1
        if self.decoder == "sample":
            return self.n_best
        if self.decoder == "mask-predict":
            return self.length_beam or self.n_best
        return self.beam or (self.n_best if self.decoder == "ctc" else BEAMS)

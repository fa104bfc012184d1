"""The lines of the tables: each a command of the package, what must be there before, and how its model is scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpora import SGA, Corpus, Entry, encoder_recipe, monolingual, plain, written

from anyglot.data.corpus import ParallelSource
from anyglot.training.recipe.load import load_recipe

HERE = Path(__file__).parent
BUNDLED = {
    "sga": SGA,
    "nat_ctc": "nat/tiny",
    "mbart": "baselines/tiny_mbart_finetune",
    "mbart_pretraining": "baselines/tiny_mbart_pretrain",
    "msp": "msp/tiny",
    "msp_language_model": "msp/tiny_lm",
}


@dataclass(frozen=True)
class Decoding:
    """How a model translates: what tables call it, and the options of `anyglot evaluate translation`."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A command of the package, without `--out` and `--resume`.

    Attributes:
        words: The command; empty for a line that only decodes another's model.
        needs: Steps before it.
        corpus: Where it is scored.
        languages: Source languages it is scored on; none: it is only a step on the way.
        decodings: Each makes a row of the table.
        unseen: Those of them whose pairs this line alone goes without: they count as zero-shot.
        model: The step whose model is scored, if it is not its own.
        ablation: Whether it belongs to the table of ablations.
    """

    words: tuple[str, ...]
    needs: tuple[str, ...]
    corpus: Corpus
    languages: tuple[str, ...] = ()
    decodings: tuple[Decoding, ...] = ()
    unseen: tuple[str, ...] = ()
    model: str | None = None
    ablation: bool = False


GREEDY = (Decoding("greedy", ("--decoder", "greedy")),)
BEST_PATH = (Decoding("best path", ("--decoder", "ctc")),)


def rounds(*counts: int) -> tuple[Decoding, ...]:
    """Alignment and so many rounds of denoising."""
    return tuple(
        Decoding(f"rounds {count}", ("--decoder", "ctc", "--set", f"decoder.rounds={count}")) for count in counts
    )


SHOWN = rounds(0, 2)
ALL_ROUNDS = rounds(0, 1, 2, 3, 4)
Steps = dict[str, Step]

PHRASEBOOK = (
    *("sga", "sga_without_denoising", "sga_directions", "transformer", "bilingual_de", "adapters", "nat_ctc"),
    *("nat_ctc_distilled", "encoder_initialised", "encoder_initialised_two_stage", "mbart", "msp"),
    *("sga_unseen", "transformer_unseen", "two_stage_unseen"),
)
CAPTIONS = ("sga", "sga_directions", "transformer", "nat_ctc", "encoder_initialised", "encoder_initialised_two_stage")
VERSES = ("sga", "transformer")
ABLATIONS = {  # of SGA: name -> what is changed
    "blank_input_blank": ("method.blank_input=blank",),
    "blank_input_mask": ("method.blank_input=mask",),
    "positions_zero": ("method.positions=zero",),
    "source_padding_seen": ("method.mask_source_padding=false",),
    "canvas_of_batch": ("method.canvas_of_batch=true",),
    "unrolled_twice": ("method.unrolled_steps=2",),
    "no_noise": ("method.noise.most=0",),
}


@dataclass(frozen=True)
class Table:
    """Makes the steps of one corpus and seed.

    Attributes:
        recipes: Folder of the recipes that are not the package's.
        at: Where a step's run is, by its name.
        encoder: Where the encoder is.
        before: Steps without which there is no encoder.
    """

    corpus: Corpus
    recipes: Path
    at: Callable[[str], Path]
    encoder: Path
    before: tuple[str, ...]

    def train(
        self,
        recipe: str,
        *changes: str,
        needs: tuple[str, ...] = (),
        decodings: tuple[Decoding, ...] = (),
        languages: tuple[str, ...] | None = None,
        unseen: tuple[str, ...] = (),
        ablation: bool = False,
    ) -> Step:
        """A training on the corpus, scored on its languages with pairs if not said otherwise."""
        own = self.recipes / f"{recipe}.yaml"
        words = ("train", str(own) if own.is_file() else BUNDLED[recipe], *self.corpus.changes, *changes)
        if languages is None:
            languages = self.corpus.supervised if decodings else ()
        return Step(words, (*self.before, *needs), self.corpus, languages, decodings, unseen, ablation=ablation)

    def pretrain(self, recipe: str, text: list[Entry]) -> Step:
        """A training on text, with the encoder's tokenizer."""
        words = ("train", BUNDLED[recipe], f"tokenizer={self.encoder}", written("data.train", text))
        return Step(words, self.before, self.corpus)

    def systems(self) -> Steps:
        """SGA, the Transformer, and what either is measured against."""
        start, tokenizer = f"method.start={self.encoder}", f"tokenizer={self.encoder}"
        everywhere = (*self.corpus.supervised, *self.corpus.zero_shot)
        groups = f"method.groups=[{','.join(self.corpus.directions)}]"
        steps = {
            "sga": self.train("sga", start, decodings=SHOWN, languages=everywhere),
            "sga_directions": self.train("sga", start, groups, decodings=SHOWN),
            "transformer": self.train("transformer", tokenizer, decodings=GREEDY, languages=everywhere),
            "nat_ctc": self.train("nat_ctc", tokenizer, decodings=BEST_PATH, languages=everywhere),
        }
        for name in ("encoder_initialised", "encoder_initialised_two_stage"):
            steps[name] = self.train(name, start, decodings=GREEDY, languages=everywhere)
        return steps

    def further(self) -> Steps:
        """The other systems, on the phrasebook only."""
        start, tokenizer = f"method.start={self.encoder}", f"tokenizer={self.encoder}"
        everywhere = (*self.corpus.supervised, *self.corpus.zero_shot)
        transformer = self.at("transformer")
        distilled = written("data.train", [{"sheet": str(self.at("distilled") / "corpora.tsv")}])
        teaching = (
            "distill",
            BUNDLED["nat_ctc"],
            *self.corpus.changes,
            tokenizer,
            "--teacher",
            str(transformer),
        )
        needed = (*self.before, "transformer")
        text = [plain(source) for source in monolingual()]
        crawl = load_recipe(BUNDLED["msp_language_model"]).data.train
        with_pairs = [*text, *(plain(source) for source in crawl if isinstance(source, ParallelSource))]
        first = self.corpus.supervised[0]
        alone = written("data.train", [pair for pair in self.corpus.pairs if pair["source"] == first])
        last = self.corpus.supervised[-1]
        others = written("data.train", [pair for pair in self.corpus.pairs if pair["source"] != last])
        held_back = {"languages": (last,), "unseen": (last,)}
        return {
            "sga_unseen": self.train("sga", start, others, decodings=SHOWN, **held_back),
            "transformer_unseen": self.train("transformer", tokenizer, others, decodings=GREEDY, **held_back),
            "two_stage_unseen": self.train(
                "encoder_initialised_two_stage", start, others, decodings=GREEDY, **held_back
            ),
            "sga_without_denoising": self.train(
                "sga", start, "method.denoise=false", decodings=BEST_PATH, languages=everywhere
            ),
            f"bilingual_{first}": self.train("transformer", tokenizer, alone, decodings=GREEDY, languages=(first,)),
            "adapters": self.train("adapters", f"method.start={transformer}", needs=("transformer",), decodings=GREEDY),
            "distilled": Step((*teaching, "--decoder", "greedy", "--max-length", "64"), needed, self.corpus),
            "nat_ctc_distilled": self.train(
                "nat_ctc", tokenizer, distilled, needs=("distilled",), decodings=BEST_PATH, languages=everywhere
            ),
            "mbart_pretraining": self.pretrain("mbart_pretraining", text),
            "mbart": self.train(
                "mbart",
                f"method.start={self.at('mbart_pretraining')}",
                needs=("mbart_pretraining",),
                decodings=GREEDY,
                languages=everywhere,
            ),
            "msp_language_model": self.pretrain("msp_language_model", with_pairs),
            "msp": self.train(
                "msp",
                f"method.start={self.at('msp_language_model')}",
                needs=("msp_language_model",),
                decodings=GREEDY,
                languages=everywhere,
            ),
        }

    def ablations(self) -> Steps:
        """SGA with one thing changed; and with more or fewer rounds than it is shown with."""
        start = f"method.start={self.encoder}"
        distilled = written("data.train", [{"sheet": str(self.at("distilled") / "corpora.tsv")}])
        steps = {
            name: self.train("sga", start, *changes, decodings=SHOWN, ablation=True)
            for name, changes in ABLATIONS.items()
        }
        steps["sga_distilled"] = self.train(
            "sga", start, distilled, needs=("distilled",), decodings=SHOWN, ablation=True
        )
        scored = self.corpus.supervised
        steps["rounds"] = Step((), ("sga",), self.corpus, scored, ALL_ROUNDS, model="sga", ablation=True)
        return steps


def phrasebook_steps(corpus: Corpus, out: Path, seed: int) -> Steps:
    """Every step on the phrasebook; each seed has a tokenizer and an encoder of its own."""

    def at(name: str) -> Path:
        return out / f"{name}-{seed}"

    table = Table(corpus, HERE / "phrasebook", at, at("encoder"), ("encoder",))
    encoder = Step(("train", encoder_recipe()), (), corpus)
    return {"encoder": encoder, **table.systems(), **table.further(), **table.ablations()}


def real_steps(corpus: Corpus, out: Path, seed: int, encoder: Path) -> Steps:
    """Every step on captions or verses, called CORPUS/LINE; all seeds have one encoder."""

    def at(name: str) -> Path:
        return out / corpus.name / f"{name}-{seed}"

    table = Table(corpus, HERE / "real", at, encoder, ())
    return {f"{corpus.name}/{name}": step for name, step in table.systems().items()}

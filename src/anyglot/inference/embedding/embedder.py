"""Embedder: a model folder as a function from sentences to vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.errors import UserError
from anyglot.inference.embedding.packed import pack, vectors_of
from anyglot.inference.embedding.settings import EmbeddingSettings, Layer, depth_of
from anyglot.inference.embedding.vector_cache import VectorCache
from anyglot.inference.embedding.vectors import normalized
from anyglot.inference.embedding.windows import Window, windows
from anyglot.models.device import choose_device, choose_precision
from anyglot.models.encoder import Encoder
from anyglot.models.fingerprint import encoder_fingerprint
from anyglot.models.precision import Precision, prepare_encoder
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.locate import local_folder
from anyglot.nn.batch_invariance import batch_dependence
from anyglot.nn.embeddings import LearnedPositions
from anyglot.nn.row_filling import FORMATS
from anyglot.runtime import arguments
from anyglot.runtime.progress import bar_of
from anyglot.text.encoder_templates import EncoderTemplate, Frame
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import load_tokenizer

WINDOW = 8192
"""Texts that are sorted and held in memory together; fewer where several layers are asked for."""
BATCH_TOKENS = {"cpu": 1024, "cuda": 16_384}
"""Tokens of a batch by kind of device: on a processor few, so that what is between two products stays in its cache."""
Progress = Callable[[int, int], None]
"""Is told how many texts are done since the last call, and how many tokens went through the model for them."""


@dataclass
class Counts:
    """What happened to texts so far.

    Attributes:
        empty: Had no token: their vectors are zeros.
        cut: Had more tokens than allowed.
        unknown: Had characters the tokenizer does not know.
        remembered: Different sentences whose vectors were found on disk.
        computed: Different sentences that went through the model, of `tokens` tokens.
    """

    texts: int = 0
    empty: int = 0
    cut: int = 0
    unknown: int = 0
    remembered: int = 0
    computed: int = 0
    tokens: int = 0


@dataclass(repr=False)
class Embedder:
    """Embeds texts with one encoder. Make one with `from_pretrained`. Not for several threads at once.

    Attributes:
        encoder: On its device, in its precision, with nothing but what states need.
        name: What the user called the model.
        cache: Folder of remembered vectors; None: every text goes through the model.
        identity: Name of all that a sentence's states depend on, for the cache.
        counts: Statistics.

    Example:
        >>> embedder = Embedder.from_pretrained("FacebookAI/xlm-roberta-base")          # doctest: +SKIP
        >>> embedder.embed(["Das Haus ist alt."], EmbeddingSettings(layer=7)).shape     # doctest: +SKIP
        (1, 768)
    """

    encoder: Encoder
    tokenizer: TextTokenizer
    framing: EncoderTemplate
    name: str = ""
    precision: Precision = "fp32"
    cache: Path | None = None
    identity: str = ""
    counts: Counts = field(default_factory=Counts)

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path,
        device: str | None = None,
        precision: str = "auto",
        cache: Path | None = None,
    ) -> Embedder:
        """Open the encoder of a model folder, or of a model of the hub; a decoder's weights are left out.

        Args:
            device: "cpu", "cuda", "cuda:1"; None takes a GPU if there is one.
            precision: "fp32", "bf16", "fp16" or "auto" (fp32, or bf16 where that is faster).
            cache: A folder in which vectors are kept and looked up.

        Raises:
            UserError: No such model, a damaged one, one of an unknown family, or a device or precision that is not
                there.

        Warns:
            UserWarning: A sentence's vector depends on the batch here: see `batch_independent`.
        """
        place = choose_device(device)
        arguments.place("the model", name_or_folder)
        folder = local_folder(name_or_folder)
        encoder = load_encoder(folder)
        tokenizer = load_tokenizer(folder)
        stack = encoder.config.stack
        kind = choose_precision(precision, place, stack.width, stack.feedforward_width, stack.width)
        identity = "" if cache is None else encoder_fingerprint(encoder, kind, place.type)
        return cls(
            encoder=prepare_encoder(encoder, kind, place),
            tokenizer=tokenizer,
            framing=EncoderTemplate.of(tokenizer, folder, encoder.config.embeddings.vocabulary_size),
            name=str(name_or_folder),
            precision=kind,
            cache=cache,
            identity=identity,
        )

    @property
    def batch_independent(self) -> bool:
        """Whether a sentence's vector is the same, bit for bit, whatever stands beside it, as far as a CPU can."""
        weight = self.encoder.embeddings.tokens.weight
        return weight.device.type == "cpu" and batch_dependence((FORMATS[weight.dtype],), attention=None) is None

    @property
    def layers(self) -> int:
        """Blocks of the encoder, L."""
        return len(self.encoder.stack.blocks)

    @property
    def width(self) -> int:
        """Numbers in a vector, D."""
        return self.encoder.config.stack.width

    @property
    def limit(self) -> int | None:
        """Most positions the encoder has; None if they never end."""
        positions = self.encoder.embeddings.positions
        return positions.limit if isinstance(positions, LearnedPositions) else None

    def embed(
        self,
        texts: str | Iterable[str],
        settings: EmbeddingSettings | None = None,
        *,
        progress: Progress | bool | None = None,
    ) -> NDArray[np.float32]:
        """One vector a text, in order; zeros for a text without a token. Of one text alone its vector.

        On a CPU a text's vector is the same, bit for bit, whatever is embedded beside it.

        Raises:
            UserError: No such layer, or a language that is missing or that the model has no token for; something
                that is no text among the texts (a TypeError too); or a vector that is not finite.

        Args:
            progress: Told after each batch; True shows a bar on standard error.

        Shape:
            returns: (N, D) float32, or (D,) of one text
        """
        settings = settings or EmbeddingSettings()
        given = [texts] if isinstance(texts, str) else arguments.texts("texts", texts)
        with bar_of("embedding", len(given), shown=progress is True) as bar:
            told = bar or (None if isinstance(progress, bool) else progress)
            vectors: NDArray[np.float32] = self.embed_layers(given, [settings.layer], settings, progress=told)[0]
        return vectors[0] if isinstance(texts, str) else vectors

    def encode(
        self,
        sentences: str | Iterable[str],
        *,
        batch_size: int | None = None,
        show_progress_bar: bool = False,
        convert_to_tensor: bool = False,
        normalize_embeddings: bool = False,
        prompt: str = "",
    ) -> NDArray[np.float32] | Tensor:
        """Vectors under the keywords of sentence-transformers' `encode`: the last layer's mean over tokens.

        Args:
            sentences: A sentence, whose vector is returned; or sentences, whose vectors are, row by row.
            batch_size: Sentences of 32 tokens that go through the model at a time. Vectors do not depend on it.
            show_progress_bar: On standard error.
            convert_to_tensor: A torch tensor in place of a numpy array.
            normalize_embeddings: Give every vector length 1.
            prompt: Put in front of every sentence, such as "query: " for E5.

        Raises:
            UserError: As `embed`.

        Shape:
            returns: (D,) of a sentence, (N, D) of sentences; float32
        """
        given = [sentences] if isinstance(sentences, str) else arguments.texts("sentences", sentences)
        size = None if batch_size is None else 32 * arguments.whole("batch_size", batch_size, 1, 1 << 20)
        settings = EmbeddingSettings(normalize=normalize_embeddings, batch_tokens=size)
        with bar_of("embedding", len(given), shown=show_progress_bar) as progress:
            vectors = self.embed([prompt + sentence for sentence in given], settings, progress=progress)
        found = vectors[0] if isinstance(sentences, str) else vectors
        return torch.from_numpy(found) if convert_to_tensor else found

    def similarity(self, one: NDArray[np.float32] | Tensor, other: NDArray[np.float32] | Tensor) -> Tensor:
        """Cosines of all pairs of two sets of vectors, as sentence-transformers' `similarity`; 0 of a vector of zeros.

        Shape:
            one: (N, D) or (D,)    other: (M, D) or (D,)    returns: (N, M) float32
        """
        sides = [np.atleast_2d(np.asarray(side, dtype=np.float32)) for side in (one, other)]
        first, second = (torch.from_numpy(normalized(side)) for side in sides)
        return first @ second.T

    def __repr__(self) -> str:
        return f"Embedder({self.name!r}, {self.layers} layers of {self.width}, {self.precision})"

    def embed_layers(
        self,
        texts: Sequence[str],
        layers: Sequence[Layer] | None = None,
        settings: EmbeddingSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """The same for several layers in one pass; None: every block's output. `settings.layer` says nothing here.

        Shape:
            returns: (layers, N, D) float32
        """
        texts = arguments.texts("texts", texts)
        wanted = range(self.layers) if layers is None else _layers(layers)
        vectors = np.zeros((len(wanted), len(texts), self.width), dtype=np.float32)
        row = 0
        for part in self.stream(texts, wanted, settings, progress=progress):
            vectors[:, row : row + part.shape[1]] = part
            row += part.shape[1]
        return vectors

    def stream(
        self,
        texts: Iterable[str],
        layers: Sequence[Layer],
        settings: EmbeddingSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """The same for texts without end: the vectors of a window of texts at a time, in order.

        Shape:
            yields: (layers, n, D) float32
        """
        settings = settings or EmbeddingSettings()
        texts, layers = arguments.each_text("texts", texts), _layers(layers)
        depths = [depth_of(layer, self.layers) for layer in layers]
        frame = self.framing.frame(settings.language)
        limit = settings.max_length if self.limit is None else min(settings.max_length, self.limit)
        rows = self.encoder.config.embeddings.vocabulary_size
        size = max(512, WINDOW // max(1, len(layers)))
        work = _WindowWork(self, depths, settings, frame, progress)
        # Closing ends the tokenising thread where the reader stops early.
        with closing(work), closing(windows(texts, size, self.tokenizer, frame, limit, rows)) as parts:
            for window in parts:
                vectors = work.vectors(window)
                yield normalized(vectors) if settings.normalize else vectors


def _layers(layers: object) -> Sequence[Layer]:
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        raise arguments.WrongType(f"layers must be a sequence of layers, not {arguments.shown(layers)}.")
    return list(layers)


class _WindowWork:
    """From windows of tokens to vectors, remembered or computed."""

    def __init__(
        self,
        embedder: Embedder,
        depths: Sequence[int],
        settings: EmbeddingSettings,
        frame: Frame,
        progress: Progress | None,
    ) -> None:
        self.embedder, self.settings, self.frame = embedder, settings, frame
        self.depths = list(dict.fromkeys(depths))
        self.places = [self.depths.index(depth) for depth in depths]
        self.progress = progress or (lambda texts, tokens: None)
        device = embedder.encoder.embeddings.tokens.weight.device.type
        self.batch_tokens = settings.batch_tokens or BATCH_TOKENS.get(device, BATCH_TOKENS["cuda"])
        self.memory: VectorCache | None = None
        if embedder.cache is not None:
            self.memory = VectorCache(embedder.cache, embedder.identity, embedder.width, settings.pooling, frame)

    def vectors(self, window: Window) -> NDArray[np.float32]:
        """(layers, n, D) of a window."""
        counts = self.embedder.counts
        rows: dict[tuple[int, ...], list[int]] = {}
        for row, sentence in enumerate(window.sentences):
            rows.setdefault(sentence, []).append(row)
        empty = len(rows.pop((), []))
        counts.texts += len(window.sentences)
        counts.empty += empty
        counts.cut += window.cut
        counts.unknown += window.unknown
        found = np.zeros((len(self.depths), len(window.sentences), self.embedder.width), dtype=np.float32)
        self.progress(empty, 0)
        for sentences, vectors, tokens in self._parts(list(rows)):
            numbers = vectors.numpy()
            for place, sentence in enumerate(sentences):
                found[:, rows[sentence]] = numbers[:, place, None]
            self.progress(sum(len(rows[sentence]) for sentence in sentences), tokens)
        return found if self.places == list(range(len(self.depths))) else found[self.places]

    def _parts(self, sentences: list[tuple[int, ...]]) -> Iterator[tuple[list[tuple[int, ...]], Tensor, int]]:
        """Sentences, their vectors, and the tokens that were computed for them; every sentence once."""
        counts = self.embedder.counts
        if self.memory is not None and sentences:
            vectors, known = self.memory.read(sentences, self.depths)
            there = [place for place, each in enumerate(known) if each]
            counts.remembered += len(there)
            yield [sentences[place] for place in there], vectors[:, there], 0
            sentences = [sentence for sentence, each in zip(sentences, known, strict=True) if not each]
        for places in pack([len(sentence) for sentence in sentences], self.batch_tokens):
            batch = [sentences[place] for place in places]
            vectors = vectors_of(self.embedder.encoder, batch, self.depths, self.settings.pooling, self.frame)
            if not bool(torch.isfinite(vectors).all()):
                raise UserError(
                    f"{self.embedder.name or 'the encoder'} gives vectors that are not finite in "
                    f"{self.embedder.precision}: its weights are damaged, or too large for this precision. Copy the "
                    "model again, or choose the precision fp32."
                )
            if self.memory is not None:
                self.memory.add(batch, self.depths, vectors)
            tokens = sum(len(sentence) for sentence in batch)
            counts.computed += len(batch)
            counts.tokens += tokens
            yield batch, vectors, tokens

    def close(self) -> None:
        if self.memory is not None:
            self.memory.close()

"""Where the vectors of sentences to be mined come from: files of vectors, or a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.mining_job import Job
from anyglot.evaluation.retrieval.mining_text import Sentences
from anyglot.evaluation.retrieval.operands import Side
from anyglot.inference.embedding.embedder import Embedder
from anyglot.inference.embedding.embedder import Progress as EmbeddingProgress
from anyglot.inference.embedding.output import VectorFile
from anyglot.inference.embedding.settings import EmbeddingSettings
from anyglot.runtime.arrays import load_array
from anyglot.text.readers import raw_hash


@dataclass(frozen=True)
class GivenVectors:
    """Two .npy files with a row for each line of the two texts."""

    paths: tuple[Path, Path]

    def facts(self) -> Mapping[str, object]:
        """What makes them these vectors."""
        return {f"vectors {name}": raw_hash((path,)) for name, path in zip("ab", self.paths, strict=True)}

    def side(self, job: Job, which: int, sentences: Sentences) -> Side:
        """The vectors of a file's sentences.

        Raises:
            UserError: The file does not fit the text.
        """
        path = self.paths[which]
        try:
            held = load_array(path, mapped=True)
        except FileNotFoundError:
            raise UserError(f"No such file: {path}; `anyglot embed` writes vectors of a text.") from None
        except UserError as error:
            raise UserError(f"{error} Give vectors; `anyglot embed` writes them.") from None
        if held.ndim != 2 or held.dtype.kind != "f" or held.shape[1] == 0:
            raise UserError(f"{path} holds {held.dtype} of shape {held.shape}, not rows of floating-point vectors.")
        if len(held) != sentences.lines:
            raise UserError(
                f"{path} has {len(held)} vectors, and {sentences.path} {sentences.lines} lines: give the vectors of "
                "all of its lines, in order."
            )
        return Side(held, sentences.rows)


@dataclass(frozen=True, eq=False)
class EmbeddedVectors:
    """Vectors that a model makes, kept in the job's folder.

    Attributes:
        settings: Of the two sides; they may differ in the language.
        center: Subtract from each side its own mean.
        progress: Told after each batch.
    """

    embedder: Embedder
    settings: tuple[EmbeddingSettings, EmbeddingSettings]
    center: bool
    progress: EmbeddingProgress | None = None

    def facts(self) -> Mapping[str, object]:
        """What makes them these vectors."""
        model = f"{self.embedder.name} {self.embedder.identity}"
        described = [repr(settings) for settings in self.settings]
        return {"model": model, "embedding of a": described[0], "embedding of b": described[1], "centre": self.center}

    def side(self, job: Job, which: int, sentences: Sentences) -> Side:
        """The vectors of a file's sentences; computed unless an earlier run of the job did it."""
        path = job.folder / f"vectors-{'ab'[which]}.npy"
        if not path.exists():
            settings = self.settings[which]
            parts = self.embedder.stream(sentences.texts, [settings.layer], settings, progress=self.progress)
            with VectorFile(path, self.embedder.width) as written:
                for part in parts:
                    written.append(part[0], ())
                written.finish(written.mean if self.center else None, False)
        return Side(load_array(path, mapped=True))

"""COMET (Rei et al., 2020), run in an environment of its own: it cannot share ours (numpy 1, transformers 4).

The other environment's interpreter runs `comet_worker.py` with a request in a JSON file and leaves its answer in
another. Nothing of COMET is imported here.
"""

import json
import math
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.translation.table import TestSentences
from anyglot.runtime.untrusted_files import parse_json, read_bytes
from anyglot.stats.scores import Statistics, mean_statistics

NAME = "COMET"
MODEL = "Unbabel/wmt22-comet-da"
# COMET's scores are about 0 to 1; a hundredfold they stand beside BLEU and chrF.
SCALE = 100.0

_WORKER = Path(__file__).with_name("comet_worker.py")


@dataclass(frozen=True)
class CometScores:
    """The score of each sample, as COMET gives it, and what made them.

    Attributes:
        scores: As many as samples.
        versions: Of unbabel-comet and Python in that environment.
        model_sha256: Of the checkpoint.
        references: Whether the model reads references.
    """

    scores: tuple[float, ...]
    versions: Mapping[str, str]
    model_sha256: str
    references: bool


@dataclass(frozen=True)
class Comet:
    """COMET behind another interpreter.

    Attributes:
        python: The interpreter of an environment with unbabel-comet.
        model: A model's name on the hub, a checkpoint file, or a folder with `checkpoints/model.ckpt`.
    """

    python: Path
    model: str = MODEL

    def check(self) -> None:
        """Make sure that interpreter, package and model are there; a model that is not yet there is fetched.

        Raises:
            UserError: One of them is not.
        """
        self._ask({"model": self._model()})

    def scores(self, samples: Sequence[Mapping[str, str]]) -> CometScores:
        """Score samples of `src`, `mt` and `ref`, all at once, because loading the model takes long.

        Raises:
            UserError: As `check`; or COMET failed, or its answer is none.
        """
        answer = self._ask({"model": self._model(), "samples": list(samples)})
        scores = answer.get("scores")
        if not isinstance(scores, list) or len(scores) != len(samples) or not all(map(_finite, scores)):
            raise UserError(
                f"COMET answered {len(samples)} samples with something else than as many numbers; "
                f"check the environment of {self.python} and the model {self.model}"
            )
        return CometScores(
            tuple(map(float, scores)),
            {str(name): str(version) for name, version in _object(answer.get("versions")).items()},
            str(answer.get("model_sha256", "")),
            bool(answer.get("references", True)),
        )

    def statistics(
        self, outputs: Mapping[str, Mapping[str, Sequence[str]]], sentences: Mapping[str, TestSentences]
    ) -> dict[tuple[str, str], dict[str, Statistics]]:
        """Score every system's hypotheses of every test set (a `scoring.Learned`).

        Raises:
            UserError: As `scores`.
        """
        places = [(label, test) for label, lines in outputs.items() for test in lines]
        samples = [
            {"src": source, "mt": line, "ref": reference}
            for label, test in places
            for source, line, reference in zip(
                sentences[test].sources, outputs[label][test], sentences[test].references, strict=True
            )
        ]
        found = self.scores(samples)
        counts, start = {}, 0
        for label, test in places:
            end = start + len(outputs[label][test])
            values = [SCALE * score for score in found.scores[start:end]]
            counts[label, test] = {NAME: mean_statistics(NAME, values, self._signer(found))}
            start = end
        return counts

    def _model(self) -> str:
        # The worker runs elsewhere: a path has to be whole.
        return str(Path(self.model).absolute()) if Path(self.model).exists() else self.model

    def _signer(self, found: CometScores) -> Callable[[int, int | None], str]:
        """Write the signature in sacrebleu's manner."""
        facts = {
            "model": Path(self.model).name if Path(self.model).exists() else self.model,
            "sha256": found.model_sha256[:16],
            "refs": "yes" if found.references else "no",
            "scale": f"{SCALE:g}",
            **found.versions,
        }

        def sign(resamples: int, seed: int | None) -> str:
            drawn = {"bs": str(resamples), "seed": str(seed)} if resamples else {}
            return "|".join(f"{name}:{value}" for name, value in {**drawn, **facts}.items())

        return sign

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="anyglot-comet-") as folder:
            asked, answered = Path(folder, "request.json"), Path(folder, "answer.json")
            asked.write_text(json.dumps(request), "utf-8")
            try:
                done = subprocess.run(
                    [str(self.python), "-I", str(_WORKER), str(asked), str(answered)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    check=False,
                )
            except OSError as error:
                raise UserError(
                    f"`comet={self.python}` cannot be run ({error.strerror}); give the Python interpreter of an "
                    "environment in which unbabel-comet is installed"
                ) from error
            try:
                answer = read_answer(read_bytes(answered))
            except UserError as error:
                raise UserError(f"`comet={self.python}` gave an answer that is none: {error}") from error
            except OSError as error:
                told = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise UserError(
                    f"`comet={self.python}` gave no answer (exit code {done.returncode}"
                    f"{f', {told}' if told else ''}); is it a Python interpreter with unbabel-comet?"
                ) from error
        return self._sound(answer)

    def _sound(self, answer: Any) -> Mapping[str, Any]:
        if not isinstance(answer, dict):
            raise UserError(f"`comet={self.python}` gave an answer that is none; is it a Python interpreter?")
        told = " ".join(str(answer.get("told")).split())
        match answer.get("error"):
            case None:
                return answer
            case "package":
                raise UserError(
                    f"COMET cannot be imported by {self.python} ({told}); run there: pip install unbabel-comet"
                )
            case "model":
                raise UserError(
                    f"the COMET model {self.model} could not be had ({told}); give `comet_model` a name that "
                    "COMET knows, or a checkpoint on this machine"
                )
        raise UserError(
            f"COMET failed while scoring ({told}); the translations are kept, evaluate again without `comet`"
        )


def _object(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def read_answer(content: bytes) -> Mapping[str, Any]:
    """The answer of the process that scores.

    Raises:
        UserError: It is none.
    """
    try:
        answer = parse_json(content)
    except ValueError as error:
        raise UserError(f"the answer is no JSON ({error})") from None
    if not isinstance(answer, dict):
        raise UserError("the answer is no JSON object")
    return answer


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

"""COMET behind another interpreter: a real environment, with a stand-in for the package unbabel-comet in it.

The stand-in has the package's interface as the worker uses it: `download_model`, `load_from_checkpoint`, `predict` with
its keyword arguments and a Prediction that answers to `.scores`. The real package is not run here.
"""

import hashlib
import sys
import venv

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.translation.comet import Comet
from anyglot.evaluation.translation.run import System, evaluate
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.evaluation.translation.table import parse_tests
from anyglot.stats.scores import score_statistics

SOURCES = ["Das Haus ist alt.", "Der Hund schläft.", "नमस्ते दुनिया"]
REFERENCES = ["The house is old.", "The dog sleeps.", "Hello, world."]

PACKAGE = '''
"""A stand-in for unbabel-comet: a segment scores the share of the reference's words that are in the translation."""
import os
import sys

print("libraries like to talk", "on both streams")
print("libraries like to talk", file=sys.stderr)


class Prediction(dict):
    def __getattr__(self, name):
        return self[name]


class Model:
    def requires_references(self):
        return True

    def predict(self, samples, batch_size=16, gpus=1, mc_dropout=0, progress_bar=True, accelerator="auto",
                num_workers=None, length_batching=True):
        assert gpus == 0 and not progress_bar
        if any(sample["mt"] == "break" for sample in samples):
            raise RuntimeError("the model\\nbroke")
        scores = []
        for sample in samples:
            words = set(sample["ref"].split())
            scores.append(len(words & set(sample["mt"].split())) / len(words))
        if any(sample["mt"] == "nothing" for sample in samples):
            scores[0] = float("nan")
        return Prediction(scores=scores, system_score=sum(scores) / len(scores))


def download_model(model, saving_directory=None, local_files_only=False):
    if model != "Unbabel/wmt22-comet-da":
        raise KeyError("Model '%s' not supported by COMET." % model)
    return os.path.join(os.path.dirname(__file__), "model.ckpt")


def load_from_checkpoint(checkpoint_path, reload_hparams=False, strict=False, local_files_only=False):
    if not os.path.isfile(checkpoint_path):
        raise Exception("Invalid checkpoint path: %s" % checkpoint_path)
    return Model()
'''


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An environment without the package."""
    folder = tmp_path_factory.mktemp("environments") / "empty"
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """An environment with it."""
    folder = tmp_path_factory.mktemp("environments") / "comet"
    venv.create(folder, symlinks=True, with_pip=False)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "comet").mkdir()
    (packages / "comet" / "__init__.py").write_text(PACKAGE)
    (packages / "comet" / "model.ckpt").write_text("weights")
    (packages / "unbabel_comet-2.2.6.dist-info").mkdir()
    (packages / "unbabel_comet-2.2.6.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: unbabel-comet\nVersion: 2.2.6\n"
    )
    return folder / "bin" / "python"


def sample(made, place):
    return {"src": SOURCES[place], "mt": made, "ref": REFERENCES[place]}


def test_scores_cross_the_border_with_versions_and_the_models_hash(python):
    found = Comet(python).scores([sample("The house is new.", 0), sample("नमस्ते, world.", 2), sample("", 1)])
    assert found.scores == (0.75, 0.5, 0.0)
    assert found.versions["comet"] == "2.2.6" and found.references
    assert found.model_sha256 == hashlib.sha256(b"weights").hexdigest()


def test_a_checkpoint_on_disk_and_a_folder_as_the_hub_has_them(python, tmp_path):
    (tmp_path / "mine" / "checkpoints").mkdir(parents=True)
    checkpoint = tmp_path / "mine" / "checkpoints" / "model.ckpt"
    checkpoint.write_text("others")
    for model in (checkpoint, tmp_path / "mine"):
        comet = Comet(python, str(model))
        comet.check()
        assert comet.scores([sample("The dog sleeps.", 1)]).scores == (1.0,)


@pytest.fixture
def tests(tmp_path):
    (tmp_path / "s").write_text("\n".join(SOURCES) + "\n", "utf-8")
    (tmp_path / "t").write_text("\n".join(REFERENCES) + "\n", "utf-8")
    entries = [{"name": name, "source": "de", "target": "en", "files": ["s", "t"]} for name in ("one", "two")]
    return parse_tests(entries, folder=tmp_path, where="tests")


def systems():
    def opener(label, lines):
        return lambda: System(label, {}, lambda *pair: None, lambda *pair: None, lambda *rest: lines)

    return {
        "good": opener("good", REFERENCES),
        "poor": opener("poor", ["The house is", "The dog runs.", "Hello, all."]),
    }


def test_an_evaluation_has_the_metric_beside_the_others_with_interval_difference_and_signature(python, tests, tmp_path):
    scoring = Scoring(resamples=50)
    found = evaluate(systems(), tests, tmp_path / "out", scoring=scoring, baseline="poor",
                     learned=Comet(python).statistics)  # fmt: skip
    good, poor = found.results[:2]
    assert list(good.scores) == ["BLEU", "chrF++", "COMET"]
    assert good.scores["COMET"].value == pytest.approx(100.0)
    assert poor.scores["COMET"].value == pytest.approx(100 * (3 / 4 + 2 / 3 + 1 / 2) / 3)
    assert good.differences["COMET"].value == pytest.approx(100.0 - poor.scores["COMET"].value)
    signature = poor.scores["COMET"].signature
    digest = hashlib.sha256(b"weights").hexdigest()[:16]
    begun = f"bs:50|seed:12345|model:Unbabel/wmt22-comet-da|sha256:{digest}|refs:yes|scale:100|comet:2.2.6|python:"
    assert signature.startswith(begun)
    alone = score_statistics(found.counts["poor", "two"]["COMET"], resamples=0)
    assert "bs:" not in alone.signature and alone.low == alone.high


def test_what_is_missing_is_told_in_one_sentence(python, empty, tmp_path):
    with pytest.raises(UserError, match=r"nowhere/python` cannot be run \(No such file"):
        Comet(tmp_path / "nowhere" / "python").check()
    with pytest.raises(UserError, match=r"COMET cannot be imported by .*No module named 'comet'.*pip install unbabel"):
        Comet(empty).check()
    with pytest.raises(UserError, match=r"the COMET model Unbabel/none could not be had .*not supported by COMET"):
        Comet(python, "Unbabel/none").check()


def test_a_program_that_is_no_python_is_told(tmp_path):
    failures = (("quiet", "exit 0", "exit code 0"), ("loud", "echo what is this >&2; exit 3", "code 3, what"))
    for name, content, told in failures:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{content}\n")
        program.chmod(0o755)
        with pytest.raises(UserError, match=f"gave no answer .*{told}"):
            Comet(program).check()
    program.write_text('#!/bin/sh\necho "[]" > "$4"\n')
    with pytest.raises(UserError, match="an answer that is none"):
        Comet(program).check()
    program.write_text('#!/bin/sh\necho \'{"scores": [1, "two"]}\' > "$4"\n')
    with pytest.raises(UserError, match="something else than as many numbers"):
        Comet(program).scores([sample("a", 0), sample("b", 1)])


def test_failures_while_scoring_are_told(python):
    with pytest.raises(UserError, match=r"COMET failed while scoring \(RuntimeError: the model broke\)"):
        Comet(python).scores([sample("break", 0)])
    with pytest.raises(UserError, match=r"an answer that is none: .*NaN"):
        Comet(python).scores([sample("nothing", 0)])


def test_comet_is_never_imported_here(python):
    Comet(python).scores([sample("The dog sleeps.", 1)])
    assert "comet" not in sys.modules and not any(name.startswith("comet.") for name in sys.modules)

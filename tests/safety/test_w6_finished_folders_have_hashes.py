"""W6: a finished folder tells the SHA-256 of its weights, config and tokenizer, and what changed since is refused."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.inference.translation import Translator
from anyglot.inference.translation.loading import fingerprint
from anyglot.models.encoder import Encoder
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.locate import tokenizer_source
from anyglot.models.store import load_model, save_model
from anyglot.runtime import hashes
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words

RECIPE = """
name: small
tokenizer: {train: {vocabulary_size: 30}}
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 16}
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {all: {updates: 4, learning_rate: 1e-3}}
validation: {every: 4}
checkpoints: {every: 2}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    write_words(root, train=60, valid=6)
    (root / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    run_recipe(load_recipe(root / "recipe.yaml"), root / "run", quiet=True)
    return root / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil; its files are new to this machine."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def listed(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / hashes.FILE).read_text(encoding="utf-8"))["files"]
    return found


def flip(path: Path, bit: int) -> None:
    """Flip a bit; the file keeps its size and the time of its last change, as damage on a disk does."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_w6_a_finished_training_has_hashes_of_what_decides_its_output(trained: Path) -> None:
    files = listed(trained)
    assert {"model.safetensors", "config.json", "tokenizer_config.json"} <= set(files)
    assert any(name.endswith(".model") for name in files)
    for name, facts in files.items():
        content = (trained / name).read_bytes()
        assert facts == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


OPENERS: dict[str, Callable[[Path], object]] = {
    "translator": Translator.from_pretrained,
    "embedder": Embedder.from_pretrained,
    "encoder": load_encoder,
    "whole model": load_pretrained,
    "model of ours": load_model,
    "tokenizer": tokenizer_source,
}


def test_w6_twelve_flipped_bits_are_refused(run: Path) -> None:
    """Wherever they are, by whatever opens the folder; put back, it opens again."""
    draw = random.Random(1)
    names = ["model.safetensors"] * 6 + [name for name in sorted(listed(run)) if name != "model.safetensors"] * 2
    for number, name in enumerate(names[:12]):
        bit = draw.randrange(8 * (run / name).stat().st_size)
        flip(run / name, bit)
        for opener in list(OPENERS)[number % 3 :: 3]:
            with pytest.raises(UserError, match="is not the file that was written") as refused:
                OPENERS[opener](run)
            assert str(run / name) in str(refused.value) and "delete" in str(refused.value)
        flip(run / name, bit)
    for opener in OPENERS.values():
        opener(run)


@pytest.mark.parametrize(
    "words", [("translate", "RUN", "-s", "de", "-t", "en"), ("embed", "RUN", "-i", "IN", "-o", "OUT"), ("show", "RUN")]
)
def test_w6_verbs_refuse_in_a_sentence(run: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "in.txt").write_text("hund sieht haus\n", encoding="utf-8")
    places = {"RUN": str(run), "IN": str(tmp_path / "in.txt"), "OUT": str(tmp_path / "out.npy")}
    flip(run / "model.safetensors", 8 * (run / "model.safetensors").stat().st_size - 3)
    ended = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *(places.get(word, word) for word in words)],
        input="hund sieht haus\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr and not ended.stdout
    assert "is not the file that was written" in ended.stderr and not (tmp_path / "out.npy").exists()


def test_w6_a_folder_without_hashes_opens(run: Path) -> None:
    """Other projects' folders, and those of older versions."""
    (run / hashes.FILE).unlink()
    flip(run / "model.safetensors", 8 * (run / "model.safetensors").stat().st_size - 3)
    load_model(run)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "anyglot-hashes-1"}',
        '{"format": "anyglot-hashes-1", "files": {"config.json": {"size": 1e999, "sha256": "0"}}}',
        '{"format": "anyglot-hashes-1", "files": {"config.json": {"size": 3}}}',
        '{"format": "anyglot-hashes-1", "files": {"../run/config.json": {"size": 3, "sha256": "0"}}}',
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_w6_damaged_hashes_are_told(run: Path, content: str) -> None:
    (run / hashes.FILE).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"hashes\.json is damaged"):
        load_model(run)


def _later(folder: Path) -> None:
    """Make a folder's files as old as they must be for their hashes to be remembered: only waiting ages a ctime."""
    import time

    newest = max(path.stat().st_ctime for path in folder.iterdir())
    time.sleep(max(0.0, newest + hashes.SETTLED + 0.1 - time.time()))


def test_w6_a_file_is_read_once(run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In this process, and in the next, by what is remembered on disk; a change of any kind is read again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read: list[int] = []
    sha256 = hashlib.sha256
    monkeypatch.setattr(hashes.hashlib, "sha256", lambda *given: read.append(1) or sha256(*given))  # type: ignore[attr-defined]
    monkeypatch.setattr(hashes, "_known", {})
    _later(run)
    count = len(listed(run))
    hashes.check(run)
    assert len(read) == count
    hashes.check(run)
    assert len(read) == count
    hashes._known.clear()  # as in another process
    hashes.check(run)
    assert len(read) == count
    flip(run / "config.json", 0)  # same size, same mtime
    with pytest.raises(UserError, match="is not the file"):
        hashes.check(run)
    assert len(read) > count


def test_w6_a_file_that_changed_just_now_is_not_remembered(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two changes within a tick of the clock look the same to it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "_known", {})
    (run / "config.json").write_bytes((run / "config.json").read_bytes())
    hashes.file_hash(run / "config.json")
    assert not hashes._known


def test_w6_what_is_remembered_is_bounded(run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "_known", {})
    monkeypatch.setattr(hashes, "REMEMBERED", 3)
    _later(run)
    hashes.check(run)
    (memory,) = (tmp_path / "cache").rglob("file-hashes.json")
    assert len(json.loads(memory.read_text())) == 3 < len(listed(run))


def test_w6_the_identity_of_a_model_is_all_of_it(tmp_path: Path) -> None:
    """Its middle too: `translate --resume` compares it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(8 << 20))
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    flip(folder / "model.safetensors", 8 * (4 << 20))
    assert fingerprint(folder) != before


def test_w6_other_writers_of_folders_record_too(trained: Path, tmp_path: Path) -> None:
    average_run(trained, tmp_path / "mean", last=2)
    assert {"model.safetensors", "config.json"} <= set(listed(tmp_path / "mean"))
    encoder = load_encoder(trained)
    assert isinstance(encoder, Encoder)
    text = str(trained.parent / "train.de")
    for verb, options in {"trim": ["--corpus", text], "export": ["--to", "anyglot", "--part", "encoder"]}.items():
        words = ["model", verb, str(trained), *options, "--out", str(tmp_path / verb)]
        ended = subprocess.run(
            [sys.executable, "-m", "anyglot.cli.main", *words], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert "model.safetensors" in listed(tmp_path / verb)
        hashes.check(tmp_path / verb)


def test_w6_writing_a_model_again_takes_old_hashes_away(run: Path) -> None:
    """So that a kill between weights and hashes leaves a folder that opens."""
    model = load_model(run)
    with torch.no_grad():
        next(iter(model.parameters())).add_(1.0)
    save_model(model, run)
    assert not (run / hashes.FILE).exists()
    load_model(run)


def test_w6_transformers_opens_a_folder_with_hashes_and_refuses_a_changed_one(run: Path) -> None:
    program = (
        "import sys\nimport anyglot.hub\nfrom transformers import AutoModelForSeq2SeqLM\n"
        "from anyglot.errors import UserError\n"
        "try:\n    print(AutoModelForSeq2SeqLM.from_pretrained(sys.argv[1]).num_parameters() > 0)\n"
        "except UserError as error:\n    print('refused:', error)\n"
    )

    def said() -> str:
        command = [sys.executable, "-c", program, str(run)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said() == "True\n"
    flip(run / "model.safetensors", 8 * (run / "model.safetensors").stat().st_size - 3)
    assert said().startswith("refused: ")


def test_w6_vectors_that_are_not_finite_are_refused(run: Path, tmp_path: Path) -> None:
    """They came out with exit code 0 before."""
    (run / hashes.FILE).unlink()
    tensors = load_file(run / "model.safetensors")
    name = next(name for name in tensors if name.startswith("encoder.stack") and name.endswith("weight"))
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, run / "model.safetensors", {"format": "anyglot-1"})
    (tmp_path / "in.txt").write_text("hund sieht haus\n", encoding="utf-8")
    words = ["embed", str(run), "-i", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.npy")]
    ended = subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and "not finite" in ended.stderr and "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("out.npy*"))

"""S2 and T2: pipes, devices, links to nothing, giants and hostile JSON: one sentence, at once."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.mining_job import _read as read_job
from anyglot.hub.record import read_record
from anyglot.inference.translation import Translator
from anyglot.inference.translation.jobs import Journal
from anyglot.models.pretrained.foreign import read_json as read_config
from anyglot.models.pretrained.run_checkpoints import DamagedCheckpoint, read_document, verify
from anyglot.models.pretrained.tensor_files import Checkpoint
from anyglot.models.prompt_files import load_prompts
from anyglot.runtime.untrusted_files import DOCUMENT, check_regular, is_there, parse_json, read_bytes, read_json
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_files import check_tokenizer_files
from anyglot.text.trimmed_record import Record
from anyglot.training.loop import averaging
from anyglot.training.loop.checkpoint import newest_good, write_checkpoint

Place = Callable[[Path], None]


def _link(target: str) -> Place:
    return lambda path: path.symlink_to(target)


def _socket(path: Path) -> None:
    # The name of a socket may be 100 bytes long at most.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


KINDS: dict[str, tuple[Place, str]] = {
    "pipe": (os.mkfifo, "named pipe"),
    "device": (_link("/dev/zero"), "device, through a link to '/dev/zero'"),
    "folder": (Path.mkdir, "a folder"),
    "socket": (_socket, "a socket"),
    "dangling": (_link("/nowhere/at/all"), "link to '/nowhere/at/all', where nothing is"),
}
DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "huge float": '{"a": 1e999}',
    "Infinity": '{"a": Infinity}',
    "NaN": '{"a": NaN}',
    "long number": f'{{"a": {"9" * 4000}}}',
    "longer number": f'{{"a": {"9" * 5000}}}',
    "deep": DEEP,
}


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """What waits for a pipe fails here, and does not stop the suite."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("a file was waited for")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def replace(path: Path, kind: str) -> str:
    """Put something else in a file's place, and return what is said of it."""
    make, said = KINDS[kind]
    path.unlink(missing_ok=True)
    make(path)
    return f"{path}.* {said}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "languages.json", "tokenizer_config.json", "sentencepiece.bpe.model"]
)
def test_s2_each_file_of_a_translator(model: Path, name: str, kind: str) -> None:
    said = replace(model / name, kind)
    with pytest.raises(UserError, match=said) as caught:
        Translator.from_pretrained(model, device="cpu", precision="fp32")
    assert "\n" not in str(caught.value)


def test_s2_links_in_a_circle(model: Path) -> None:
    for name in ("config.json", "model.safetensors", "languages.json", "sentencepiece.bpe.model"):
        whole = (model / name).rename(model / "kept")
        (model / name).symlink_to(name)
        with pytest.raises(UserError, match=rf"{name} is a link in a circle"):
            Translator.from_pretrained(model, device="cpu", precision="fp32")
        (model / name).unlink()
        whole.rename(model / name)


def test_s2_a_link_to_a_file_is_a_file(model: Path, tmp_path: Path) -> None:
    """The hub's own cache consists of them."""
    linked = tmp_path / "linked"
    linked.mkdir()
    for path in model.iterdir():
        (linked / path.name).symlink_to(path)
    assert Translator.from_pretrained(linked, device="cpu", precision="fp32").translate(
        ["Hund"], source="de", target="en"
    )


@pytest.mark.parametrize("name", ["config.json", "languages.json", "tokenizer_config.json"])
def test_s2_a_giant_is_refused_by_its_size(model: Path, name: str) -> None:
    with (model / name).open("r+b") as file:
        file.truncate(DOCUMENT + 1)
    with pytest.raises(UserError, match=rf"{name} has 16,777,217 bytes, and at most 16,777,216 are read"):
        Translator.from_pretrained(model, device="cpu", precision="fp32")


@pytest.mark.parametrize("kind", KINDS)
def test_s2_shards_their_index_and_other_projects_configs(model: Path, kind: str) -> None:
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    index = model / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(weights, "model-1.safetensors")}))
    save_file(weights, model / "model-1.safetensors")
    with Checkpoint(model) as checkpoint:
        assert set(checkpoint.names) == set(weights)
    for path in (model / "model-1.safetensors", index):
        said = replace(path, kind)
        with pytest.raises(UserError, match=said):
            Checkpoint(model)
    said = replace(model / "config.json", kind)
    with pytest.raises(UserError, match=said):
        read_config(model)


@pytest.mark.parametrize("kind", KINDS)
def test_s2_prompts_journals_jobs_and_records(model: Path, kind: str) -> None:
    readers: dict[str, Callable[[Path], object]] = {
        "prompts.json": lambda path: load_prompts(path.parent),
        "o.journal": Journal.load,
        "job.json": read_job,
        "trimmed.json": lambda path: Record.load(path.parent),
        "run.json": lambda path: read_record(path.parent),
        "recipe.yaml": lambda path: read_record(path.parent),
    }
    for name, read in readers.items():
        said = replace(model / name, kind)
        with pytest.raises(UserError, match=said):
            read(model / name)
        (model / name).rmdir() if kind == "folder" else (model / name).unlink()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_t2_hostile_json_in_a_folder(model: Path, text: str) -> None:
    """Also as a value where a number is wanted, and never as another error than the user's."""
    for name in ("languages.json", "tokenizer_config.json", "config.json", "trimmed.json", "o.journal", "job.json"):
        path = model / name
        before = path.read_bytes() if path.exists() else None
        path.write_text(text)
        with pytest.raises(UserError, match=name) as caught:
            if name == "o.journal":
                Journal.load(path)
            elif name == "job.json":
                read_job(path)
            else:
                Translator.from_pretrained(model, device="cpu", precision="fp32")
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
        path.unlink() if before is None else path.write_bytes(before)


def checkpoints(root: Path) -> Path:
    for update in (1, 2):
        documents = {"progress.json": {"best": {"1": 0.5, "2": float("inf")}}}
        write_checkpoint(root, update, tensors={}, documents=documents, identity={}, metrics={"loss": float("nan")})
    return root


def test_t2_records_of_a_training_that_diverged_are_read(tmp_path: Path) -> None:
    newest = checkpoints(tmp_path) / "step-2"
    assert verify(newest).update == 2
    assert read_document(newest / "progress.json") == {"best": {"1": 0.5, "2": float("inf")}}


@pytest.mark.parametrize("change", ["update", "size"])
@pytest.mark.parametrize(
    "value", ["1e999", "Infinity", DEEP, "9" * 5000, "9" * 39], ids=["huge", "Infinity", "deep", "longer", "long"]
)
def test_t2_a_hostile_manifest_gives_way_to_the_checkpoint_before(tmp_path: Path, change: str, value: str) -> None:
    path = checkpoints(tmp_path) / "step-2" / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text())
    if change == "update":
        manifest["update"] = "VALUE"
    else:
        manifest["files"]["progress.json"][0] = "VALUE"
    path.write_text(json.dumps(manifest).replace('"VALUE"', value))
    if (change, value) != ("update", "9" * 39):  # an odd number, but one
        with pytest.raises(DamagedCheckpoint):
            verify(path.parent)
        found = newest_good(tmp_path)
        assert found is not None and found[0].name == "step-1"


@pytest.mark.parametrize("name", ["manifest.json", "progress.json"])
@pytest.mark.parametrize("kind", KINDS)
def test_s2_a_checkpoint_gives_way_to_the_one_before(tmp_path: Path, name: str, kind: str) -> None:
    replace(checkpoints(tmp_path) / "step-2" / name, kind)
    found = newest_good(tmp_path)
    assert found is not None and found[0].name == "step-1"
    with pytest.raises(UserError, match="step-2 is damaged and cannot be averaged"):
        averaging.choose_best(tmp_path, 1, highest=False)


@pytest.mark.parametrize("text", [DEEP, "{}", "null", '{"best": []}'], ids=["deep", "empty", "null", "list"])
def test_t2_average_verifies_before_it_reads(tmp_path: Path, text: str) -> None:
    path = checkpoints(tmp_path) / "step-2" / "progress.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"step-2 is damaged and cannot be averaged: progress\.json has"):
        averaging.choose_best(tmp_path, 1, highest=False)
    (tmp_path / "step-2" / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="step-2 is damaged and cannot be averaged"):
        averaging.metric_of(tmp_path)


def test_s2_a_file_without_a_size_is_read_to_the_limit_only() -> None:
    """Those under /proc say 0 and give more."""
    assert check_regular("/proc/self/status") == 0
    assert b"Name:" in read_bytes("/proc/self/status", 1 << 20)
    with pytest.raises(UserError, match="at most 10 are read"):
        read_bytes("/proc/self/status", 10)


def test_s2_nothing_is_no_mistake_of_the_file(tmp_path: Path) -> None:
    assert not is_there(tmp_path / "none")
    assert not is_there(tmp_path / "none" / "none")
    (tmp_path / "file").write_text("")
    assert is_there(tmp_path / "file")
    assert not is_there(tmp_path / "file" / "none")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none")
    for name in ("a" * 5000, "a\0b"):
        with pytest.raises(UserError):
            is_there(tmp_path / name)


def test_s2_a_pipe_beside_a_tokenizer_is_named(model: Path) -> None:
    """Each name that transformers looks for."""
    for name in ("tokenizer.json", "added_tokens.json", "special_tokens_map.json", "tokenizer.5.0.json", "vocab.json"):
        os.mkfifo(model / name)
        with pytest.raises(UserError, match=rf"{name} is a named pipe"):
            load_tokenizer(model)
        (model / name).unlink()
    check_tokenizer_files(model)


NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS)
def test_s2_what_json_can_say_is_read_as_json_reads_it(document: Any) -> None:
    assert parse_json(json.dumps(document)) == document


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,0123456789eE+-.NaInfity', max_size=60).map(str.encode))
def test_s2_any_bytes_are_a_document_or_a_sentence(content: bytes) -> None:
    try:
        parse_json(content)
    except ValueError as error:
        assert str(error)

"""R1: folders and repositories with pytorch_model.bin alone open as transformers opens them, and run nothing."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained import locate
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.tensor_files import Checkpoint
from support.reference_models import ENCODERS, make, saved, sentences

WHOLE = {"mbart": "ForConditionalGeneration", "m2m_100": "ForConditionalGeneration", "marian": "MTModel"}
CASES = {**dict.fromkeys(ENCODERS, "ForMaskedLM"), **WHOLE}


def pickled(reference: Any, folder: Path, *, tensors: dict[str, Any] | None = None, **options: Any) -> Path:
    """A folder as older versions of transformers wrote it: every name of the state dict, shared tensors included."""
    saved(reference, folder)
    (folder / "model.safetensors").unlink()
    torch.save(reference.state_dict() if tensors is None else tensors, folder / "pytorch_model.bin", **options)
    return folder


def in_shards(folder: Path) -> Path:
    """The same in two files with an index."""
    tensors = list(torch.load(folder / "pytorch_model.bin", weights_only=True).items())
    (folder / "pytorch_model.bin").unlink()
    halves = {"pytorch_model-00001-of-00002.bin": tensors[::2], "pytorch_model-00002-of-00002.bin": tensors[1::2]}
    for name, part in halves.items():
        torch.save(OrderedDict(part), folder / name)
    places = {key: name for name, part in halves.items() for key, _ in part}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def logits(model: nn.Module) -> torch.Tensor:
    tokens, mask = sentences([7, 3, 1])
    if isinstance(model, EncoderDecoder):
        inputs, _ = sentences([2, 6, 4], seed=2)
        return model.output(model.decode(model.encode(tokens, mask), inputs))[mask.any(dim=1)]
    assert isinstance(model, Encoder)
    return model(tokens, mask).last[mask]


@pytest.mark.parametrize("family", CASES)
@pytest.mark.parametrize("how", ["whole", "shards", "before torch 1.6", "half precision"])
def test_r1_the_same_model_as_from_safetensors(family: str, how: str, tmp_path: Path) -> None:
    reference = make(family, CASES[family])
    tensors = None
    if how == "half precision":
        reference = reference.half().float()
        tensors = {name: tensor.half() for name, tensor in reference.state_dict().items()}
    expected = load_pretrained(saved(reference, tmp_path / "safe"))
    folder = pickled(
        reference, tmp_path / "pickled", tensors=tensors, _use_new_zipfile_serialization=how != "before torch 1.6"
    )
    if how == "shards":
        in_shards(folder)
    found = load_pretrained(folder)
    with torch.no_grad():
        assert torch.equal(logits(found), logits(expected))
    names = dict(expected.named_parameters())
    assert all(torch.equal(value, names[name]) for name, value in found.named_parameters())
    assert load_encoder(folder).config == load_encoder(tmp_path / "safe").config


def test_r1_what_is_read_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = pickled(make("xlm-roberta", "ForMaskedLM"), tmp_path / "model")
    with caplog.at_level(logging.WARNING):
        load_encoder(folder)
        load_encoder(folder)
    (said,) = [record.getMessage() for record in caplog.records if "pickle" in record.getMessage()]
    assert str(folder) in said and "pytorch_model.bin" in said and "nothing in it is run" in said


def test_r1_safetensors_come_first(tmp_path: Path) -> None:
    folder = saved(make("xlm-roberta", "Model"), tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"not read")
    load_encoder(folder)


class Runs:
    """What a pickle makes run when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("where", ["alone", "among tensors", "within", "as a name", "old format", "bare pickle"])
def test_r1_a_pickle_runs_nothing_and_the_reason_is_named(where: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    reference = make("xlm-roberta", "Model")
    content: Any = {
        "alone": Runs(marker),
        "among tensors": {**reference.state_dict(), "more": Runs(marker)},
        "within": {**reference.state_dict(), "more": {"deep": [1, (Runs(marker),)]}},
        "as a name": {Runs(marker): torch.zeros(2)},
        "old format": {"more": Runs(marker)},
        "bare pickle": None,
    }[where]
    folder = pickled(
        reference, tmp_path / "model", tensors=content, _use_new_zipfile_serialization=where != "old format"
    )
    if where == "bare pickle":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"more": Runs(marker)}, protocol=2))
    with pytest.raises(
        UserError, match=r"pytorch_model\.bin asks for (posix|os|nt)\.system, which is no part"
    ) as refused:
        load_pretrained(folder)
    assert "\n" not in str(refused.value) and not marker.exists()


@pytest.mark.parametrize(
    "content", [{"a": 3}, {"a": {"b": torch.zeros(2)}}, [torch.zeros(2)], torch.zeros(2), {1: torch.zeros(1)}]
)
def test_r1_what_is_no_state_dict_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="state dict"):
        load_pretrained(pickled(make("bert", "Model"), tmp_path, tensors=content))


def test_r1_a_tensor_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    """16 bytes that call themselves 4 TB of half precision: in float32 they would be as many."""
    huge = torch.zeros(1, dtype=torch.float16).expand(1 << 20, 1 << 20)
    with pytest.raises(UserError, match="claims 1,099,511,627,776 values, more than the file holds"):
        load_pretrained(pickled(make("bert", "Model"), tmp_path, tensors={"embeddings.word_embeddings.weight": huge}))


def test_r1_no_two_tensors_share_memory(tmp_path: Path) -> None:
    """They would train as one."""
    table = torch.randn(3, 4)
    torch.save({"one": table, "other": table, "alone": torch.randn(2)}, tmp_path / "pytorch_model.bin")
    with Checkpoint(tmp_path) as checkpoint:
        one, other = checkpoint.tensor("one"), checkpoint.tensor("other")
        one.add_(1)
    assert torch.equal(other, table) and torch.equal(one, table + 1)


def test_r1_a_zip_file_of_several_disks(tmp_path: Path) -> None:
    """Python's own test for a zip file raises on these bytes; found by changing bytes at random."""
    folder = pickled(make("bert", "Model"), tmp_path)
    content = bytearray((folder / "pytorch_model.bin").read_bytes())
    locator = content.rindex(b"PK\x06\x07")  # of the zip64 record: the number of disks are its last 4 bytes
    content[locator + 16] = 7
    (folder / "pytorch_model.bin").write_bytes(bytes(content))
    with pytest.raises(UserError, match="damaged"):
        load_pretrained(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("new", [True, False])
def test_r1_a_cut_file_is_damaged(share: float, new: bool, tmp_path: Path) -> None:
    folder = pickled(make("bert", "Model"), tmp_path, _use_new_zipfile_serialization=new)
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="damaged"):
        load_pretrained(folder)


@pytest.mark.parametrize(
    "content", ["{}", '{"weight_map": {"a": "../../etc/passwd.bin"}}', '{"weight_map": {"a": "b.pt"}}']
)
def test_r1_an_index_of_shards_leads_nowhere_else(content: str, tmp_path: Path) -> None:
    folder = pickled(make("bert", "Model"), tmp_path)
    (folder / "pytorch_model.bin").unlink()
    (folder / "pytorch_model.bin.index.json").write_text(content)
    with pytest.raises(UserError, match="index"):
        load_pretrained(folder)


def test_r1_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = in_shards(pickled(make("bert", "Model"), tmp_path))
    (folder / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(UserError, match=r"00002-of-00002\.bin is missing"):
        load_pretrained(folder)


def test_r1_tensors_are_mapped_and_not_read(tmp_path: Path) -> None:
    """Opening a file takes no memory for its values."""
    torch.save({"one": torch.zeros(16 << 20), "other": torch.ones(4)}, tmp_path / "pytorch_model.bin")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    with Checkpoint(tmp_path) as checkpoint:
        assert torch.equal(checkpoint.tensor("other"), torch.ones(4)) and checkpoint.shape("one") == (16 << 20,)
        assert resident() - before < 32 << 20  # the file has 64 MiB


@pytest.mark.parametrize("there", ["safetensors", "pickle", "nothing"])
def test_r1_a_pickle_is_fetched_where_there_is_nothing_else(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the patterns that the hub is asked for: a repository with both is fetched once, without the pickle."""
    import huggingface_hub

    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "snapshots" / commit
    repository = pickled(make("m2m_100", "ForConditionalGeneration"), tmp_path / "repository")
    if there == "safetensors":
        saved(make("m2m_100", "ForConditionalGeneration"), repository)
    elif there == "nothing":
        (repository / "pytorch_model.bin").unlink()
    asked: list[tuple[str | None, list[str]]] = []

    def fetch(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((revision, allow_patterns))
        snapshot.mkdir(parents=True, exist_ok=True)
        for pattern in allow_patterns:
            for path in repository.glob(pattern):
                shutil.copyfile(path, snapshot / path.name)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    if there == "nothing":
        with pytest.raises(UserError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
            locate.local_folder("some/model", "main")
        return
    assert isinstance(load_pretrained("some/model", "main"), EncoderDecoder)
    assert [revision for revision, _ in asked] == (["main"] if there == "safetensors" else ["main", commit])
    assert (snapshot / "pytorch_model.bin").exists() == (there == "pickle")

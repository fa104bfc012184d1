"""S1: whatever a model folder asks for, none of its Python runs, and standard input belongs to the verb."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anyglot.errors import UserError
from anyglot.hub.tokenizer import tokenizer_files
from anyglot.text.tokenizer import load_tokenizer
from support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CODE = """
from pathlib import Path
import os
Path(os.environ["MARKER"]).write_text("ran")
from transformers import PreTrainedTokenizer, PretrainedConfig
class MyTok(PreTrainedTokenizer):
    pass
class MyConfig(PretrainedConfig):
    pass
"""
BY_CLASS = {"tokenizer_class": "MyTok", "auto_map": {"AutoTokenizer": ["tok.MyTok", None]}}
PLACES: list[tuple[str, dict[str, Any]]] = [
    ("tokenizer_config.json", BY_CLASS),
    ("tokenizer_config.json", {"tokenizer_class": "MyTok", "auto_map": ["tok.MyTok", None]}),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tok.MyTok", "tok.MyTok"]}}),
    ("tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer", "auto_map": {"AutoTokenizer": "tok.MyTok"}}),
    ("tokenizer_config.json", {"extra": [{"auto_map": {"AutoTokenizer": ["tok.MyTok", None]}}]}),
    ("config.json", {"model_type": "mine", "auto_map": {"AutoConfig": "tok.MyConfig"}}),
    ("config.json", {"text_config": {"auto_map": {"AutoConfig": "tok.MyConfig"}}}),
    ("processor_config.json", {"auto_map": {"AutoProcessor": "tok.MyTok"}}),
]


def spoil(model: Path, name: str, changes: dict[str, Any]) -> None:
    path = model / name
    before = json.loads(path.read_text()) if path.exists() and name == "config.json" else {}
    path.write_text(json.dumps(before | changes))
    (model / "tok.py").write_text(CODE)


def test_s1_translate_runs_no_code_and_leaves_standard_input_alone(model: Path, tmp_path: Path) -> None:
    """Three words of the kind transformers would take for a yes, and none of them is eaten."""
    spoil(model, "tokenizer_config.json", BY_CLASS)
    marker = tmp_path / "marker"
    line = [sys.executable, "-m", "anyglot.cli.main", "translate", str(model), "-s", "de", "-t", "en"]
    script = (
        f"import subprocess, sys; code = subprocess.run({line!r}).returncode; print(sys.stdin.read()); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="y\nDas Haus ist alt.\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "MARKER": str(marker)},
    )
    assert not marker.exists()
    assert done.returncode == 2, done.stderr
    assert "tokenizer_config.json asks for Python code of its own (auto_map)" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout.splitlines() == ["y", "Das Haus ist alt.", ""]  # nobody has read it


@pytest.mark.parametrize(("name", "changes"), PLACES)
def test_s1_auto_map_is_refused_wherever_it_stands(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changes: dict[str, Any]
) -> None:
    marker = tmp_path / "marker"
    monkeypatch.setenv("MARKER", str(marker))
    spoil(model, name, changes)
    for opened in (load_tokenizer, tokenizer_files):  # what every verb opens a tokenizer by, and what push converts
        with pytest.raises(UserError, match=rf"{name} asks for Python code .*auto_map") as caught:
            opened(model)
        assert "\n" not in str(caught.value)
    assert not marker.exists()


def test_s1_an_empty_auto_map_asks_for_nothing(model: Path) -> None:
    (model / "processor_config.json").write_text('{"auto_map": {}}')
    assert load_tokenizer(model).vocabulary_size == 100


def test_s1_every_call_that_could_run_code_says_that_it_must_not() -> None:
    """`from_pretrained` of transformers is never called without `trust_remote_code=False`."""
    ours = {"Translator", "Embedder", "GenerationConfig"}  # the last reads one JSON and knows no code
    found = 0
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "from_pretrained(" in text else ():
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            if ast.unparse(node.func.value) == "super()":  # what a caller of our own class says goes through
                continue
            if node.func.attr != "from_pretrained" or owner in ours:
                continue
            told = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert told.get("trust_remote_code") == "False", f"{path}:{node.lineno}"
            assert told.get("local_files_only") == "True", f"{path}:{node.lineno}"
            found += 1
    assert found >= 3

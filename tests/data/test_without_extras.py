"""What happens where an optional library is not installed: a sentence that names the extra, before any work."""

import subprocess
import sys
from pathlib import Path

# Python looks up None in sys.modules as a module that cannot be imported, in a process of its own.
MISSING = """
import sys
for name in {names!r}:
    sys.modules[name] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else found(name, package)
from anyglot.cli.main import main
sys.argv = ["anyglot", *{words!r}]
main()
"""


def run(names: list[str], *words: str) -> "subprocess.CompletedProcess[str]":
    command = MISSING.format(names=names, words=list(words))
    return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False, timeout=120)


def test_parquet_without_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Ein Haus.\n", encoding="utf-8")
    ended = run(
        ["pyarrow"], "embed", str(tmp_path), "-i", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.parquet")
    )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "needs pyarrow" in ended.stderr and "anyglot[datasets]" in ended.stderr


def test_a_data_set_of_the_hub_without_the_library(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "extends: tiny/masked_language\ndata:\n  train:\n    - {language: de, file: 'hf:owner/name?split=train'}\n",
        encoding="utf-8",
    )
    ended = run(["datasets"], "train", str(recipe), "--out", str(tmp_path / "run"))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "anyglot[datasets]" in ended.stderr

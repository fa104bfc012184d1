"""T3: YAML nested thousands of levels deep is one sentence, in whatever form it is nested and whoever reads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.translation.table import read_tests
from anyglot.experiments.study.file import load_study
from anyglot.hub.record import read_record
from anyglot.runtime.shallow_yaml import DEEPEST
from anyglot.runtime.yaml_text import parse
from anyglot.training.recipe.load import load_recipe
from support.waiting import PATIENCE

FORMS = {
    "flow lists": lambda depth: "a: " + "[" * depth + "]" * depth,
    "flow mappings": lambda depth: "a: " + "{a: " * depth + "1" + "}" * depth,
    "block lists": lambda depth: "a:\n  " + "- " * depth + "1",
    "block mappings": lambda depth: "".join(" " * level + "a:\n" for level in range(depth)) + " " * depth + "1",
    "open lists": lambda depth: "a: " + "[" * depth,
}


@pytest.mark.parametrize("depth", [1_200, 4_000])
@pytest.mark.parametrize("form", FORMS)
def test_t3_every_form_and_reader(tmp_path: Path, form: str, depth: int) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(FORMS[form](depth if "block m" not in form else depth // 2))
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    assert "levels deep" in str(caught.value) and "\n" not in str(caught.value)
    if "flow" in form:
        with pytest.raises(UserError, match="levels deep"):
            load_recipe("tiny/sixt", [f"stages={path.read_text()[3:]}"])
    path.write_text("study: x\n" + path.read_text())
    with pytest.raises(UserError, match="levels deep"):
        load_study(str(path))
    path.write_text(path.read_text().replace("a: ", "tests: ", 1))
    with pytest.raises(UserError, match="levels deep"):
        read_tests(path)


@pytest.mark.parametrize("verb", ["train", "model show"])
def test_t3_on_the_command_line(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(FORMS["flow lists"](4_000))
    line = [sys.executable, "-m", "anyglot.cli.main", *verb.split(), str(path)]
    line += ["--out", str(tmp_path / "run")] if verb == "train" else []
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2, done.stderr[-500:]
    assert f"nested more than {DEEPEST} levels deep" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "run").exists()


def test_t3_a_recipe_beside_a_model_is_not_believed_either(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(FORMS["flow lists"](4_000))
    with pytest.raises(UserError, match=r"recipe\.yaml cannot be read"):
        read_record(tmp_path)


@settings(max_examples=12, deadline=None)
@given(depth=st.integers(0, 3_000), form=st.sampled_from(sorted(set(FORMS) - {"block mappings"})))
def test_t3_any_depth_is_a_value_or_a_sentence(depth: int, form: str) -> None:
    try:
        value, _ = parse(FORMS[form](depth), "it")
    except UserError as error:
        assert form == "open lists" or depth >= DEEPEST, error
    else:
        assert depth < DEEPEST
        assert list(value) == ["a"]

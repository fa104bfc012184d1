"""The facts of a result: true, and silent about the machine's paths and names."""

import platform
import subprocess
import sys
from pathlib import Path

import torch

from anyglot.reporting import provenance as facts


def test_a_commands_absolute_paths_lose_their_folders():
    words = [
        "anyglot",
        "evaluate",
        "/home/me/runs/x",
        "--out=/tmp/secret/y",
        "data.file=/a/b.txt",
        "../z",
        "de-en",
        "a,/q/r",
    ]
    assert facts.tell_command(words) == "anyglot evaluate x --out=y data.file=b.txt ../z de-en a,r"
    assert facts.tell_command(["hf:owner/name?split=train", "C:\\Users\\me\\x", "~/deep/x"]) == (
        "hf:owner/name?split=train x x"
    )


def test_the_facts_name_what_is_needed_and_nothing_of_the_machines_names(monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(Path.home() / "bin/anyglot"), "evaluate", str(Path.home() / "model")])
    told = facts.provenance(seed=3, data_hash="ab", seconds=61.7).facts()
    assert told["Command"] == "anyglot evaluate model"
    assert (told["Seed"], told["Data hash"], told["Seconds"]) == ("3", "ab", "62")
    assert torch.__version__ in told["Versions"] and f"{torch.get_num_threads()} thread" in told["Processor"]
    everything = " ".join(told.values())
    assert str(Path.home()) not in everything and str(Path(facts.__file__).parent) not in everything
    assert len(platform.node()) < 4 or platform.node() not in everything
    assert "Seed" not in facts.provenance().facts()


def test_in_a_checkout_the_commit_is_gits(monkeypatch, tmp_path):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "provenance.py").write_text("1")
    git("init", "-q")
    monkeypatch.setattr(facts, "__file__", str(package / "provenance.py"))
    # Inside somebody's checkout, but not part of it.
    assert facts.commit().startswith("anyglot ")
    git("add", ".")
    git("commit", "-qm", "x")
    clean = facts.commit()
    assert len(clean) == 12 and int(clean, 16) >= 0
    (package / "provenance.py").write_text("2")
    assert facts.commit() == f"{clean} with changes"


def test_outside_of_git_the_version_stands_for_the_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(facts, "__file__", str(tmp_path / "provenance.py"))
    assert facts.commit() == "anyglot 0.1.0"

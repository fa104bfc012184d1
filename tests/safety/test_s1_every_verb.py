"""S1 and S2 for every verb that takes a model: hostile folders, with the network cut off.

The verbs run one after the other in a process of their own, which refuses all network, owns a standard input that
nobody may read, and writes down what each verb did.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

from safety.test_s1_no_code_of_a_folder_runs import BY_CLASS, spoil

# Arguments of every verb; MODEL is the hostile folder, KIND what is hostile in it.
# `analyze` and `retrieve` have verbs of their own.
VERBS = {
    "translate": "translate MODEL -s de -t en -i lines.txt -o out.txt",
    "embed": "embed MODEL -i lines.txt -o out.npy --no-cache",
    "evaluate": "evaluate translation MODEL -s de -t en -i lines.txt -r lines.txt --out scores",
    "evaluate tasks": "evaluate tasks MODEL --suite xtreme --data data --tasks xnli --out suite",
    "average": "model average MODEL --last 1 --out averaged",
    "trim": "model trim MODEL --out trimmed --corpus lines.txt",
    "vocabulary": "data vocabulary MODEL --out kept.json --corpus lines.txt",
    "export --to ctranslate2": "model export MODEL --to ctranslate2 --out exported",
    "export --to transformers": "model export MODEL --to transformers --part encoder --out encoder",
    "export --to anyglot": "model export MODEL --to anyglot --part encoder --out part",
    "push": "model push MODEL me/it --dry-run --out upload",
    "mine": "mine lines.txt lines.txt --model MODEL --no-cache -o pairs.tsv",
    "evaluate tatoeba": "evaluate tatoeba MODEL --data tatoeba --no-cache --out retrieved",
    "analyze cka": "analyze cka MODEL MODEL --texts lines.txt --out cka",
    "analyze spectra": "analyze spectra MODEL MODEL --out spectra",
    "show": "model show MODEL",
    "train": "train KIND.yaml --out run",
    "distill": "data distill KIND.yaml --teacher MODEL --out distilled",
    "translate --prompts": "translate MODEL --prompts MODEL -s de -t en -i lines.txt -o out.txt",
}
RECIPE = """
name: hostile
method: {name: continued, start: MODEL}
data:
  train: [{source: de, target: en, files: [lines.txt, lines.txt]}]
  batch_tokens: 64
  max_length: 16
stages: {all: {updates: 1, learning_rate: 1.0e-3}}
"""
ALL = """
import contextlib, io, itertools, json, shlex, signal, sys
from anyglot.cli import main as cli
from anyglot.runtime.offline import refuse_network

refuse_network()
folders, verbs = json.loads(sys.argv[1]), json.loads(sys.argv[2])
outcomes = {kind: {} for kind in folders}
for (kind, model), (name, words) in itertools.product(folders.items(), verbs.items()):
    sys.argv = ["anyglot", *words.replace("MODEL", shlex.quote(model)).replace("KIND", kind).split()]
    errors, code = io.StringIO(), None
    signal.alarm(60)
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            cli.main()
    except SystemExit as ended:
        code = ended.code
    except BaseException as error:
        code = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    outcomes[kind][name] = [code, errors.getvalue()]
json.dump(outcomes, open("outcomes.json", "w"))
print(sys.stdin.read(), end="")
"""


class Runs:
    """What a pickle makes run when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


def _hostile(model: Path, kind: str, marker: Path) -> None:
    weights = model / "model.safetensors"
    if kind == "tokenizer":
        spoil(model, "tokenizer_config.json", BY_CLASS)
    elif kind == "config":
        (model / "config.json").write_text('{"model_type": "mine", "auto_map": {"AutoConfig": "tok.MyConfig"}}')
        spoil(model, "config.json", {})
    elif kind == "pickle":
        weights.unlink()
        config = {"model_type": "xlm-roberta", "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 1}
        (model / "config.json").write_text(json.dumps(config | {"num_attention_heads": 2, "intermediate_size": 16}))
        (model / "pytorch_model.bin").write_bytes(pickle.dumps(Runs(marker)))
    elif kind == "pipe":
        weights.unlink()
        os.mkfifo(weights)
    elif kind == "endless":
        (model / "config.json").unlink()
        (model / "config.json").symlink_to("/dev/zero")
    elif kind == "giant":
        with (model / "config.json").open("r+b") as stream:
            stream.truncate(10 << 30)  # of holes: it takes no room


# What may be done with such a folder: the part that is hostile is none that the verb reads.
HARMLESS = {
    "tokenizer": {"show", "average", "analyze spectra", "export --to anyglot"},
    "config": set(),
    "pickle": {"vocabulary"},
    "pipe": {"vocabulary", "show"},
    "endless": set(),
    "giant": set(),
}


def test_s1_every_verb_on_hostile_folders(whole_model: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    folders = {kind: str(shutil.copytree(whole_model, tmp_path / f"model-{kind}")) for kind in HARMLESS}
    for kind, folder in folders.items():
        _hostile(Path(folder), kind, marker)
        (tmp_path / f"{kind}.yaml").write_text(RECIPE.replace("MODEL", folder))
    (tmp_path / "lines.txt").write_text("Hund\nHaus\n")
    (tmp_path / "tatoeba").mkdir()
    for side in ("deu", "eng"):
        (tmp_path / "tatoeba" / f"tatoeba.deu-eng.{side}").write_text("Hund\nHaus\n")
    done = subprocess.run(
        [sys.executable, "-c", ALL, json.dumps(folders), json.dumps(VERBS)],
        input="y\nnobody reads this\n",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MARKER": str(marker), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "y\nnobody reads this\n"
    assert not marker.exists()
    outcomes = json.loads((tmp_path / "outcomes.json").read_text())
    wrong = [
        (kind, verb, code, errors)
        for kind, of_verbs in outcomes.items()
        for verb, (code, errors) in of_verbs.items()
        if "Traceback" in errors
        or not ((code == 2 and errors.strip()) or (code in (0, None) and verb in HARMLESS[kind]))
    ]
    assert not wrong, wrong
    assert {len(of_verbs) for of_verbs in outcomes.values()} == {len(VERBS)}

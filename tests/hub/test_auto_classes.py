"""`import anyglot.hub` is enough for transformers' Auto classes, and costs nothing before they are asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.models.store import save_model
from anyglot.text.tokenizer_training import train_tokenizer
from support.hub_builders import encoder


def run(program: str, *arguments: str) -> str:
    """A program in a fresh interpreter; what it printed."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", ["anyglot", "anyglot.hub"])
def test_importing_the_package_imports_nothing_heavy(package: str) -> None:
    names = "('transformers', 'torch', 'pydantic', 'numpy', 'typer')"
    assert run(f"import sys, {package}; print([n for n in {names} if n in sys.modules])").strip() == "[]"


def test_importing_the_package_installs_no_import_hook() -> None:
    """Only `anyglot.hub` waits for transformers, and says so."""
    count = "len(sys.meta_path)"
    assert run(f"import sys; before = {count}; import anyglot; print({count} - before)").strip() == "0"
    assert run(f"import sys; before = {count}; import anyglot.hub; print({count} - before)").strip() == "1"


# Starting transformers takes seconds of processor time, so one process shows many things.
SHOW = """
import importlib, inspect, sys, torch

translator, encoder = sys.argv[1:]
tokens = torch.tensor([[0, 5, 2]])
print(type(AutoConfig.from_pretrained(translator)).__name__)
print(type(AutoTokenizer.from_pretrained(translator)).__name__)
print(AutoModelForSeq2SeqLM.from_pretrained(translator).generate(tokens, max_new_tokens=4).shape[0])
print(AutoModel.from_pretrained(encoder)(tokens).last_hidden_state.shape[-1])
print(AutoModelForMaskedLM.from_pretrained(encoder)(tokens).logits.shape[-1])
try:
    AutoModelForSeq2SeqLM.from_pretrained(encoder)
except ValueError as error:
    print("AnyglotEncoderConfig" in str(error))
for name in ("transformers.models.auto.modeling_auto", "transformers.models.bert.configuration_bert"):
    module = importlib.import_module(name)
    print(module.__spec__.loader.is_package(name), len(inspect.getsource(module)) > 1000)
"""
NAMES = "AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer"
ORDERS = {
    "before transformers": f"import anyglot.hub\nfrom transformers import {NAMES}",
    "after transformers": f"from transformers import {NAMES}\nimport anyglot.hub",
    "at once": f"import anyglot\nanyglot.register()\nfrom transformers import {NAMES}",
}


@pytest.mark.parametrize("order", ORDERS)
def test_auto_classes_open_our_folders(order: str, copier_folder: Path, tmp_path: Path) -> None:
    train_tokenizer(["ein Haus", "the house", "la casa"], 19, copier_folder)
    save_model(encoder(language_head=True), tmp_path)
    shown = run(ORDERS[order] + SHOW, str(copier_folder), str(tmp_path)).split("\n")
    assert shown[:6] == ["AnyglotConfig", "XLMRobertaTokenizer", "1", "16", "31", "True"]
    assert shown[6:8] == ["False True"] * 2  # transformers' modules are what they were

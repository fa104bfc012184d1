"""Readers of model folders: configs, tokenizers, languages, weights, heads, prompts."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from anyglot.hub.trimming.tokenizers import completed
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.pretrained.tensor_files import Checkpoint
from anyglot.models.prompt_files import load_prompts, prompted, save_prompts
from anyglot.models.store import load_model
from anyglot.models.task_model import HEAD, HEAD_WEIGHTS, HeadConfig, load_task_model, save_task_model, task_model
from anyglot.runtime import hashes
from anyglot.text.model_languages import ModelLanguages
from anyglot.text.templates import uses_language_tokens
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.trimmed_record import Record
from anyglot.text.vocabulary import Vocabulary, choose_by_scripts
from anyglot.training.recipe.record import languages_read
from fuzz.forms import BINARY, JSON, SAFETENSORS
from fuzz.running import Reader
from support.model_builders import encoder as small_encoder
from support.tiny_sga import sga, write_encoder
from support.tiny_tokenizers import sentencepiece
from support.tiny_translators import write_model_folder

TEXT = "das alte Haus steht am Fluss, 老房子"


@cache
def _kept(name: str) -> Path:
    """Sound folders, made once in a process."""
    root = Path(tempfile.mkdtemp(prefix=f"anyglot-fuzz-{name}-"))
    _MAKERS[name](root)
    return root


def _ours(root: Path) -> None:
    write_model_folder(root)


def _bert(root: Path) -> None:
    _to_transformers(load_encoder(write_encoder(root / "ours")), root)


def _to_transformers(model: Any, root: Path) -> None:
    save_pretrained(model, root)
    shutil.rmtree(root / "ours", ignore_errors=True)


def _head(root: Path) -> None:
    save_task_model(task_model(small_encoder(), HeadConfig(kind="classes", classes=3), seed=1), root)


def _prompts(root: Path) -> None:
    name = write_encoder(root / "base")
    save_prompts(sga(name)[1], root)


def _tokenizer(root: Path) -> None:
    """Both of a Unigram model, and transformers' own file of it."""
    from transformers import XLMRobertaTokenizer

    sentencepiece().save(root)
    XLMRobertaTokenizer.from_pretrained(str(root), local_files_only=True).save_pretrained(str(root))
    for path in root.glob("sentencepiece*"):
        path.unlink()


def _xlmr(root: Path) -> None:
    sentencepiece().save(root)


_MAKERS: Mapping[str, Callable[[Path], None]] = {
    "ours": _ours,
    "bert": _bert,
    "head": _head,
    "prompts": _prompts,
    "tokenizer": _tokenizer,
    "xlmr": _xlmr,
}


def copied(name: str, file: str) -> Callable[[Path], Path]:
    """A maker of a copy of a sound folder, of which the file named is attacked."""

    def make(folder: Path) -> Path:
        shutil.copytree(_kept(name), folder, dirs_exist_ok=True)
        hashes.forget(folder)  # so that it is the file's own reader that meets the damage
        return folder / file

    return make


def _recorded(folder: Path) -> Path:
    shutil.copytree(_kept("ours"), folder, dirs_exist_ok=True)
    hashes.record(folder)
    return folder / hashes.FILE


def _checked(path: Path) -> bool:
    hashes.check(path.parent)
    return True


def _facts(model: nn.Module) -> dict[str, Any]:
    return {name: (tuple(tensor.shape), hash(tensor.detach().numpy().tobytes())) for name, tensor in _held(model)}


def _held(model: nn.Module) -> list[tuple[str, Tensor]]:
    return list(model.named_parameters())


def _is_model(facts: dict[str, Any]) -> None:
    assert facts and all(math.prod(shape) > 0 for shape, _ in facts.values())


def _model(load: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: _facts(load(path.parent))


def _languages(path: Path) -> Any:
    found = ModelLanguages.load(path.parent)
    return found, uses_language_tokens(path.parent), languages_read(path.parent)


def _are_languages(value: Any) -> None:
    found, tokens, read = value
    codes = {*found.source, *found.target, *(code for pair in found.pairs for code in pair), *read}
    assert isinstance(tokens, bool) and all(isinstance(code, str) and code.isprintable() for code in codes)


def tokens_of(folder: Path) -> Any:
    """What a folder's tokenizer makes of a text."""
    tokenizer = load_tokenizer(folder)
    ids = tokenizer.encode([TEXT, ""])
    return tokenizer.vocabulary_size, ids, tokenizer.decode(ids), tokenizer.encode_source([TEXT])


def _tokens(path: Path) -> Any:
    return tokens_of(path.parent)


def _are_tokens(value: Any) -> None:
    size, ids, texts, framed = value
    assert all(0 <= id < size for row in (*ids, *framed) for id in row) and all(isinstance(text, str) for text in texts)


def _scores(path: Path) -> Any:
    tokenizer = load_tokenizer(path.parent)
    kept = completed(choose_by_scripts(["Latin"], tokenizer), tokenizer, path.parent)
    return tokenizer.vocabulary_size, kept.ids.tolist()


def _are_kept(value: Any) -> None:
    size, ids = value
    assert ids == sorted(set(ids)) and ids[0] >= 0 and ids[-1] < size


def _with_prompts(path: Path) -> Any:
    base = load_encoder(path.parent / "base")
    return _facts(prompted(base, load_prompts(path.parent), "base", "key"))


def _trimmed(folder: Path) -> Path:
    Record(40, 250, ("Latin", "Cyrillic"), "0" * 64).save(folder)
    return folder / "trimmed.json"


def _is_trimmed(record: Record) -> None:
    assert type(record.rows) is int and 0 < record.rows <= record.full_rows
    assert all(isinstance(script, str) for script in record.scripts) and isinstance(record.full_tokenizer, str)


def _vocabulary(folder: Path) -> Path:
    choose_by_scripts(["Latin"], sentencepiece()).save(folder / "vocabulary.json")
    return folder / "vocabulary.json"


def _is_vocabulary(value: Any) -> None:
    ids, size = value
    assert ids == sorted(set(ids)) and ids[0] >= 0 and ids[-1] < size


def _read_vocabulary(path: Path) -> Any:
    found = Vocabulary.load(path, sentencepiece())
    return found.ids.tolist(), found.full_size


def _sharded(folder: Path) -> Path:
    shutil.copytree(_kept("bert"), folder, dirs_exist_ok=True)
    whole = folder / "model.safetensors"
    whole.rename(folder / "model-00001-of-00001.safetensors")
    with Checkpoint(_kept("bert")) as checkpoint:
        places = dict.fromkeys(checkpoint.names, "model-00001-of-00001.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def _pickled(folder: Path) -> Path:
    shutil.copytree(_kept("bert"), folder, dirs_exist_ok=True)
    hashes.forget(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder / "pytorch_model.bin"


def _foreign(path: Path) -> Any:
    return _facts(load_pretrained(path.parent))


FOLDERS: tuple[Reader, ...] = (
    Reader("config.json, ours", JSON, copied("ours", "config.json"), _model(load_model), _is_model),
    Reader("config.json, transformers'", JSON, copied("bert", "config.json"), _foreign, _is_model),
    Reader("model.safetensors, ours", SAFETENSORS, copied("ours", "model.safetensors"), _model(load_model), _is_model),
    Reader("model.safetensors, transformers'", SAFETENSORS, copied("bert", "model.safetensors"), _foreign, _is_model),
    Reader("model.safetensors.index.json", JSON, _sharded, _foreign, _is_model),
    Reader("languages.json", JSON, copied("ours", "languages.json"), _languages, _are_languages),
    Reader("tokenizer_config.json", JSON, copied("ours", "tokenizer_config.json"), _tokens, _are_tokens),
    Reader("sentencepiece.bpe.model", BINARY, copied("xlmr", "sentencepiece.bpe.model"), _tokens, _are_tokens),
    Reader("sentencepiece, trimming", BINARY, copied("xlmr", "sentencepiece.bpe.model"), _scores, _are_kept),
    Reader("tokenizer.json", JSON, copied("tokenizer", "tokenizer.json"), _tokens, _are_tokens),
    Reader("tokenizer.json, trimming", JSON, copied("tokenizer", "tokenizer.json"), _scores, _are_kept),
    Reader("head.json", JSON, copied("head", HEAD), _model(load_task_model), _is_model),
    Reader("head.safetensors", SAFETENSORS, copied("head", HEAD_WEIGHTS), _model(load_task_model), _is_model),
    Reader("prompts.json", JSON, copied("prompts", "prompts.json"), _with_prompts, _is_model),
    Reader("prompts.safetensors", SAFETENSORS, copied("prompts", "prompts.safetensors"), _with_prompts, _is_model),
    Reader("pytorch_model.bin", BINARY, _pickled, _foreign, _is_model),
    Reader("hashes.json", JSON, _recorded, _checked, bool),
    Reader("trimmed.json", JSON, _trimmed, lambda path: Record.load(path.parent), _is_trimmed),
    Reader("vocabulary", JSON, _vocabulary, _read_vocabulary, _is_vocabulary),
)

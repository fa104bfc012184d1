"""A model for other engines, or a part of it: a CTranslate2, transformers or own folder, checked before it appears."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from anyglot.errors import UserError
from anyglot.hub.ctranslate2_spec import build_spec, epsilons, expressible, limits
from anyglot.hub.parity import Parity, cases, compare
from anyglot.inference.translation import Translator
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.extraction import DecoderBlocks, copied_blocks, encoder_decoder_from, without_cross_attention
from anyglot.models.language import LanguageModel
from anyglot.models.padding import pad_with
from anyglot.models.pretrained.families import FAMILIES
from anyglot.models.pretrained.foreign import CONFIG
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import save_model
from anyglot.runtime.files import whole_folder, write_json
from anyglot.runtime.untrusted_files import read_json
from anyglot.text.templates import LANGUAGES
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.translation_templates import TokenFraming
from anyglot.training.recipe.record import languages_read

Say = Callable[[str], None]
RECORD = "export.json"
QUANTIZATIONS = ("float32", "int8", "int8_float32", "int8_bfloat16", "int8_float16", "int16", "float16", "bfloat16")
PARTS = ("model", "encoder")
OWN_PARTS = ("encoder", "encoder-decoder")
USUAL_LAYERS = 6  # of a decoder of copied blocks (VECO section 5.1)


def export_ctranslate2(
    name_or_folder: str, out: Path, quantization: str = "float32", sentences: int = 60, say: Say = print
) -> Parity:
    """Write a model as a CTranslate2 folder, after proving in float32 that it computes the same.

    CTranslate2 has one epsilon for all layer norms. Of a model with several (E5's encoder has 1e-12, a decoder over it
    1e-5) the first is taken with which the two agree: where states vary by far more than an epsilon it matters little.

    Args:
        quantization: How the weights are stored; the proof is of float32, from which they are quantized.
        sentences: How many sentences are compared.

    Raises:
        UserError: CTranslate2 is not installed or cannot express the model, the two differ, or `out` exists or
            cannot be written.
    """
    if quantization not in QUANTIZATIONS:
        raise UserError(f"there is no quantization '{quantization}': choose one of {', '.join(QUANTIZATIONS)}.")
    _need_ctranslate2()
    refuse_existing(out)
    translator = Translator.from_pretrained(name_or_folder, device="cpu", precision="fp32")
    model = expressible(translator.model)
    framing = translator.framing
    starts_itself = not isinstance(framing, TokenFraming) or framing.tokens.scheme.target != "first"
    found = epsilons(model)

    def save(folder: Path, epsilon: float, quantization: str | None = None) -> None:
        spec = build_spec(model, translator.tokenizer, starts_itself, epsilon)
        spec.validate()
        spec.optimize(quantization)
        (folder / "model.bin").unlink(missing_ok=True)
        spec.save(str(folder))

    with whole_folder(out) as folder:
        say(f"comparing {sentences} sentences")
        given = cases(translator, sentences, limits(model))
        for epsilon in found:
            save(folder, epsilon)
            try:
                parity = compare(translator, folder, given, starts_itself)
                break
            except UserError as error:
                if epsilon == found[-1]:
                    raise _of_epsilons(error, found) if len(found) > 1 else error from None
        if quantization != "float32":
            save(folder, epsilon, quantization)
        translator.tokenizer.save(folder)
        _carry(name_or_folder, folder)
        facts = {"quantization": quantization, "epsilon": epsilon, "checked_in_float32": asdict(parity)}
        write_json(folder / RECORD, facts)
    return parity


def _of_epsilons(error: UserError, found: list[float]) -> UserError:
    several = " and ".join(map(str, found))
    return UserError(f"{error} CTranslate2 knows one epsilon of layer norms, and this model has {several}.")


def export_transformers(
    name_or_folder: str, out: Path, part: str = "model", family: str | None = None, say: Say = print
) -> None:
    """Write a model, or its encoder, as a transformers folder with its tokenizer, after opening and comparing it.

    Raises:
        UserError: No family of transformers can express it, the two differ, or `out` exists or cannot be written.
    """
    _check_part(part, PARTS, "transformers")
    refuse_existing(out)
    model = load_encoder(name_or_folder) if part == "encoder" else load_pretrained(name_or_folder)
    if isinstance(model, EncoderDecoder) and model.config.adapters is not None:
        raise UserError(
            "no family of transformers has adapters that a sentence's languages choose: `part=encoder` exports the "
            "encoder without them."
        )
    if isinstance(model, EncoderDecoder) and (family or model.config.family) not in FAMILIES:
        raise UserError(
            "no family of transformers has this model's form: after `import anyglot` transformers opens the folder as "
            "it is (docs/huggingface.md), and `part=encoder` exports its encoder."
        )
    if isinstance(model, Encoder) and model.config.stack.cross_attention:
        raise UserError(
            "no family of transformers has an encoder whose blocks have a cross-attention: `part=encoder` exports it "
            "without, `to=anyglot` with `part=encoder-decoder` puts it into a decoder (docs/veco.md)."
        )
    if not isinstance(model, Encoder | EncoderDecoder | LanguageModel):
        raise UserError(
            f"no family of transformers has a model of the kind '{model.config.kind}'; `anyglot translate` opens it as "
            "it is."
        )
    with whole_folder(out) as folder:
        save_pretrained(model, folder, family)
        say("comparing both models' states")
        _compare_states(model, folder)
        load_tokenizer(local_folder(name_or_folder)).save(folder)


def export_anyglot(
    name_or_folder: str, out: Path, part: str, layers: int | None = None, blocks: DecoderBlocks = "last"
) -> EncoderDecoder | Encoder:
    """Take a model apart (`models/extraction.py`) and write a part as a folder of this package, with its tokenizer.

    An encoder-decoder made so has not learnt to translate: it lists no target languages.

    Args:
        part: "encoder", without cross-attention; or "encoder-decoder".
        layers: Of the decoder; None: six, or all that the encoder has.
        blocks: Which of the encoder's blocks become the decoder's.

    Returns:
        What was written.

    Raises:
        UserError: There is no such part, the encoder has too few blocks, or `out` exists or cannot be written.
    """
    _check_part(part, OWN_PARTS, "anyglot")
    refuse_existing(out)
    start = local_folder(name_or_folder)
    tokenizer = load_tokenizer(start)
    whole = load_encoder(name_or_folder, cross_attention=True)
    model: EncoderDecoder | Encoder = without_cross_attention(whole)
    facts: dict[str, object] = {"start": name_or_folder, "part": part}
    if part == "encoder-decoder":
        deepest = whole.config.stack.layers
        wanted = min(USUAL_LAYERS, deepest) if layers is None else layers
        model = encoder_decoder_from(whole, layers=wanted, blocks=blocks, end_id=tokenizer.end_id)
        facts |= {"decoder_layers": wanted, "copied_blocks": copied_blocks(deepest, wanted, blocks)}
    pad_with(model, tokenizer.pad_id)
    with whole_folder(out) as folder:
        save_model(model, folder)
        tokenizer.save(folder)
        languages = {"source": sorted(languages_read(start)), "supervised": [], "target": []}
        write_json(folder / LANGUAGES, languages)
        write_json(folder / RECORD, facts)
    return model


@torch.no_grad()
def _compare_states(model: Encoder | EncoderDecoder | LanguageModel, folder: Path) -> None:
    """Random tokens through both.

    Raises:
        UserError: The last states differ by more than rounding.
    """
    import transformers

    named = read_json(folder / CONFIG)["architectures"][0]
    kind = getattr(transformers, named)
    theirs = kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False).eval().base_model
    config = model.config.encoder if isinstance(model, EncoderDecoder) else model.config
    generator = torch.Generator().manual_seed(0)
    longest = min(40, config.embeddings.position_rows - config.embeddings.position_offset)
    tokens = torch.randint(0, config.embeddings.vocabulary_size, (4, longest), generator=generator)
    tokens[tokens == config.padding_id] = config.padding_id + 1 if config.padding_id == 0 else config.padding_id - 1
    mask = torch.ones_like(tokens, dtype=torch.bool)
    if isinstance(model, Encoder):
        ours = model(tokens, mask).last
        expected = theirs(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
    elif isinstance(model, LanguageModel):
        ours, expected = model(tokens).last, theirs(input_ids=tokens).last_hidden_state
    else:
        size = model.config.decoder_embeddings.vocabulary_size
        inputs = torch.randint(0, size, (4, min(12, longest)), generator=generator)
        ours = model(tokens, mask, inputs)
        expected = theirs(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=inputs).last_hidden_state
    gap = float((ours - expected).abs().max())
    if not gap <= 1e-3 * max(1.0, float(expected.abs().max())):
        raise UserError(f"the exported model differs from this one: by {gap:.2g} in its states. Nothing was written.")


def _check_part(part: str, parts: tuple[str, ...], engine: str) -> None:
    if part not in parts:
        raise UserError(f"there is no part '{part}' for {engine}: choose one of {', '.join(parts)}.")


def _need_ctranslate2() -> None:
    try:
        import ctranslate2  # noqa: F401
    except ImportError:
        raise UserError("CTranslate2 is not installed: pip install anyglot[fast].") from None


def _carry(name_or_folder: str, folder: Path) -> None:
    """What was trained for goes along."""
    path = local_folder(name_or_folder) / LANGUAGES
    if path.is_file():
        shutil.copyfile(path, folder / LANGUAGES)


def refuse_existing(out: Path) -> None:
    if out.exists():
        raise UserError(f"{out} exists already: name a folder that does not.")

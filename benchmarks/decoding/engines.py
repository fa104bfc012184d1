"""The engines behind one face: load a model, translate a batch in a fixed number of steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from models import BEGIN, END, PAD, names

Search = Callable[[list[list[int]], int, int], list[list[list[int]]]]
"""(sentences, beams, steps) -> for each sentence its outputs of `steps` tokens, best first, without start and end."""


def anyglot_engine(folder: Path, precision: str, batch_independent: bool = True) -> Search:
    """This package. Its last step is the end token, which is not returned."""
    from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, greedy_search, pad_batch
    from anyglot.inference.generation.step_models import EncoderDecoderStepModel
    from anyglot.models.encoder_decoder import EncoderDecoder
    from anyglot.models.precision import prepare
    from anyglot.models.store import load_model

    model = load_model(folder / "ours")
    assert isinstance(model, EncoderDecoder)
    prepare(model, precision, torch.device("cpu"), batch_independent=batch_independent)  # type: ignore[arg-type]
    prompt = SearchConstraints(start=(END,), end=END, never=(BEGIN, PAD))

    def search(sentences: list[list[int]], beams: int, steps: int) -> list[list[list[int]]]:
        source, mask = pad_batch(sentences, PAD, "cpu")
        length = LengthRule(maximum=steps - 1, minimum=steps - 1)
        stepping = EncoderDecoderStepModel(model)
        if beams == 1:
            found = [[one] for one in greedy_search(stepping, source, mask, prompt, length=length)]
        else:
            found = beam_search(stepping, source, mask, prompt, beams=beams, length=length)
        return [[list(one.tokens) for one in ranked] for ranked in found]

    return search


def transformers_engine(folder: Path, precision: str) -> Search:
    """transformers' `generate`."""
    from transformers import M2M100ForConditionalGeneration

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    model = M2M100ForConditionalGeneration.from_pretrained(folder / "transformers", dtype=kind).eval()

    def search(sentences: list[list[int]], beams: int, steps: int) -> list[list[list[int]]]:
        width = max(map(len, sentences))
        source = torch.tensor([[*ids, *[PAD] * (width - len(ids))] for ids in sentences])
        with torch.inference_mode():
            output = model.generate(
                input_ids=source,
                attention_mask=(source != PAD).long(),
                num_beams=beams,
                num_return_sequences=beams,
                do_sample=False,
                min_new_tokens=steps,
                max_new_tokens=steps,
                forced_eos_token_id=None,
                suppress_tokens=[BEGIN, PAD],
                early_stopping=True,
            )
        rows = output[:, 1:].tolist()
        return [rows[start : start + beams] for start in range(0, len(rows), beams)]

    return search


def ctranslate2_engine(folder: Path, precision: str) -> Search:
    """CTranslate2, with one worker that has all the threads."""
    import ctranslate2

    kind = {"fp32": "float32", "int8": "int8", "bf16": "bfloat16", "int8_bf16": "int8_bfloat16"}[precision]
    path = folder / "ctranslate2"
    threads = torch.get_num_threads()
    translator = ctranslate2.Translator(
        str(path), device="cpu", compute_type=kind, inter_threads=1, intra_threads=threads
    )
    called = names(_rows(folder))
    numbers = {name: number for number, name in enumerate(called)}

    def search(sentences: list[list[int]], beams: int, steps: int) -> list[list[list[int]]]:
        found = translator.translate_batch(
            [[called[number] for number in ids] for ids in sentences],
            beam_size=beams,
            num_hypotheses=beams,
            min_decoding_length=steps,
            max_decoding_length=steps,
            suppress_sequences=[["<s>"], ["<pad>"]],
        )
        return [[[numbers[name] for name in one] for one in result.hypotheses] for result in found]

    return search


def _rows(folder: Path) -> int:
    from anyglot.models.store import load_config

    config = load_config(folder / "ours")
    assert config.kind == "encoder-decoder"
    return config.decoder_embeddings.vocabulary_size


def load_engine(name: str, folder: Path) -> Search:
    """The engine of a name such as "transformers bf16", or "anyglot bf16 dependent": with batch independence off."""
    engine, precision, *rest = name.split()
    if engine == "anyglot":
        return anyglot_engine(folder, precision, batch_independent=not rest)
    return {"transformers": transformers_engine, "ctranslate2": ctranslate2_engine}[engine](folder, precision)

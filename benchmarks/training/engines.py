"""One engine in a process of its own: prints a JSON line of what it measured.

anyglot    stage 1 of SixT+ in the package's own loop
trainer    the same model, weights and batches in transformers' Seq2SeqTrainer
loader     the package's loader alone
equality   that both engines compute the same loss from the same weights
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from corpus import PAD, Text

UNSEEN = 2  # first updates, which pay for set-up


def peak() -> float:
    """Largest resident memory so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def make_model(folder: Path, vocabulary: int, small: bool) -> None:
    """Random weights in transformers' M2M-100, which has the SixT+ decoder's shape: pre-norm, sinusoids, sqrt(D)."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    torch.manual_seed(1)
    width, layers, heads, inner = (64, (2, 2), 4, 128) if small else (768, (12, 6), 12, 3072)
    config = M2M100Config(
        vocab_size=vocabulary,
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        activation_function="gelu",
        dropout=0.1,
        attention_dropout=0.0,
        activation_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        scale_embedding=True,
    )
    M2M100ForConditionalGeneration(config).save_pretrained(folder)


def restricted(model: Any, words: int) -> Any:
    """The model with an output of the first `words` rows."""
    from anyglot.models.restrict import restrict_output

    if words < model.config.decoder_embeddings.vocabulary_size:
        restrict_output(model, torch.arange(words), "benchmark")
    return model


def run_anyglot(options: argparse.Namespace, text: Text) -> dict[str, float]:
    """The package's loop over `updates` updates."""
    from anyglot.data.loader import Position
    from anyglot.models.pretrained.load import load_pretrained
    from anyglot.training.loop.options import (
        CheckpointOptions,
        EncoderCacheOptions,
        RuntimeOptions,
        StageOptions,
        TrackingOptions,
    )
    from anyglot.training.loop.plan import Plan
    from anyglot.training.loop.train import train
    from anyglot.training.methods.base import Stage
    from anyglot.training.methods.translation import TranslationMethod, TranslationOptions

    peaks: list[float] = []
    drawn: list[int] = []
    busy: list[float] = []

    class StageOne(TranslationMethod):
        name: ClassVar[str] = "benchmark"
        Options: ClassVar[Any] = TranslationOptions

        def build(self, tokenizer: Any, seed: int) -> Any:
            return restricted(load_pretrained(str(options.model)), text.words)

        def stages(self) -> list[Stage]:
            evaluates = ("encoder",) if options.encoder_cache else ()
            return [Stage("decoder", trains=("decoder.stack.*",), evaluates=evaluates)]

        def provenance(self) -> dict[str, str]:
            return {"*": "random"}

    class Watched:
        """Notes memory before each update: the checkpoint at the end is not part of a step."""

        def __init__(self) -> None:
            self.loader = text.loader(options.batch_tokens)
            self.source_tokens = self.loader.source_tokens

        def updates(self, state: Any) -> Iterator[Any]:
            peaks.clear(), drawn.clear(), busy.clear()
            for batches, place in self.loader.updates(Position(*state)):
                peaks.append(peak())
                busy.append(time.process_time())
                drawn.append(sum(batch.target_tokens for batch in batches))
                yield batches, place

    def run(folder: Path, cache: EncoderCacheOptions | None) -> list[dict[str, Any]]:
        decoder = StageOptions(updates=options.updates, learning_rate=5e-4, clip_norm=1.0, encoder_cache=cache)
        plan = Plan(
            method=StageOne(TranslationOptions(label_smoothing=options.smoothing)),
            tokenizer=None,
            streams=lambda stage, *, rank, world, accumulation: Watched(),
            folder=folder,
            stages={"decoder": decoder},
            runtime=RuntimeOptions(precision="bf16"),
            tracking=TrackingOptions(log_every=1),
            checkpoints=CheckpointOptions(every=10**9),
            quiet=True,
        )
        train(plan)
        return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]

    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        place = Path(name)
        cache = EncoderCacheOptions(folder=place / "states") if options.encoder_cache else None
        if cache is not None:
            run(place / "filling", cache)  # a first epoch; what is measured is any later one
        lines = run(place / "run", cache)
    first, last = lines[UNSEEN - 1], lines[-1]
    tokens, seconds = last["tokens"] - first["tokens"], last["seconds"] - first["seconds"]
    return {
        "tokens_per_second": tokens / seconds,
        "tokens_per_processor_second": sum(drawn[UNSEEN:-1]) / (busy[-1] - busy[UNSEEN]),
        "peak": peaks[-1],
        "tokens": tokens,
    }


def run_trainer(options: argparse.Namespace, text: Text) -> dict[str, float]:
    """transformers' Seq2SeqTrainer: its bf16, its fused AdamW, batches of one length or grouped by length."""
    from transformers import M2M100ForConditionalGeneration, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

    model = M2M100ForConditionalGeneration.from_pretrained(options.model)
    for part in (model.model.shared, model.model.encoder):
        part.requires_grad_(False)
    samples = trainer_samples(text)
    mean = sum(len(sample["labels"]) for sample in samples) / len(samples)
    tokens: list[int] = []
    clock: list[float] = []
    busy: list[float] = []
    peaks: list[float] = []

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = padded(rows)
        tokens.append(int((batch["labels"] != -100).sum()))
        return batch

    class Clock(TrainerCallback):
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            clock.append(time.perf_counter())
            busy.append(time.process_time())
            peaks.append(peak())

    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        arguments = Seq2SeqTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=max(1, round(options.batch_tokens / mean)),
            max_steps=options.updates,
            learning_rate=5e-4,
            optim="adamw_torch_fused",
            max_grad_norm=1.0,
            bf16=True,
            use_cpu=True,
            label_smoothing_factor=options.smoothing,
            train_sampling_strategy="random" if text.equal else "group_by_length",
            dataloader_pin_memory=False,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        trainer = Seq2SeqTrainer(
            model=model, args=arguments, train_dataset=samples, data_collator=collate, callbacks=[Clock()]
        )
        trainer.train()
    counted = sum(tokens[UNSEEN : options.updates])
    seconds = clock[-1] - clock[UNSEEN - 1]
    return {
        "tokens_per_second": counted / seconds,
        "tokens_per_processor_second": counted / (busy[-1] - busy[UNSEEN - 1]),
        "peak": peaks[-1],
        "tokens": counted,
    }


def trainer_samples(text: Text) -> Any:
    """The same pairs as a dataset of transformers' keys."""

    class Pairs(torch.utils.data.Dataset[dict[str, Any]]):
        def __init__(self) -> None:
            self.sides = text.corpus().sides

        def __len__(self) -> int:
            return len(self.sides[0])

        def __getitem__(self, number: int) -> dict[str, Any]:
            source, target = (side[number].tolist() for side in self.sides)
            return {"input_ids": [0, *source, 2], "decoder_input_ids": [2, *target], "labels": [*target, 2]}

    return Pairs()


def padded(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """transformers' batch of some samples."""

    def pad(key: str, value: int) -> torch.Tensor:
        sequences = [torch.tensor(row[key]) for row in rows]
        return torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=value)

    batch = {"input_ids": pad("input_ids", PAD), "decoder_input_ids": pad("decoder_input_ids", PAD)}
    return batch | {"attention_mask": batch["input_ids"].ne(PAD).long(), "labels": pad("labels", -100)}


def run_loader(options: argparse.Namespace, text: Text) -> dict[str, float]:
    """Target tokens per second that leave the loader; the plan of the epoch is part of it."""
    loader, tokens, begun = text.loader(options.batch_tokens), 0, time.perf_counter()
    for batch in loader.epoch():
        tokens += batch.target_tokens
    seconds = time.perf_counter() - begun
    return {"tokens_per_second": tokens / seconds, "peak": peak(), "tokens": tokens}


@torch.no_grad()
def run_equality(options: argparse.Namespace, text: Text) -> dict[str, float]:
    """Both losses per token of a small batch, in float32 and without dropout; the difference relative to one."""
    from transformers import M2M100ForConditionalGeneration

    from anyglot.models.pretrained.load import load_pretrained
    from anyglot.training.methods.translation import TranslationMethod, TranslationOptions

    batch = text.loader(max(128, 4 * (text.equal or 32))).micro_batch(0, 0)
    ours = load_pretrained(str(options.model)).eval()
    losses = TranslationMethod(TranslationOptions(label_smoothing=0.0)).losses(ours, batch)
    one = float(losses.total) / batch.target_tokens
    del ours
    theirs = M2M100ForConditionalGeneration.from_pretrained(options.model).eval()
    labels = batch.target_output.masked_fill(~batch.target_mask, -100)
    other = theirs(
        input_ids=batch.source,
        attention_mask=batch.source_mask.long(),
        decoder_input_ids=batch.target_input,
        labels=labels,
    ).loss.item()
    return {"loss": one, "trainer_loss": other, "difference": abs(one - other) / other}


def main() -> None:
    """Run the engine named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("anyglot", "trainer", "loader", "equality", "model"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--equal", type=int, default=0, help="tokens of every sentence; 0: lengths of real text")
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--vocabulary", type=int, required=True)
    parser.add_argument("--batch-tokens", type=int, required=True)
    parser.add_argument("--updates", type=int, required=True)
    parser.add_argument("--smoothing", type=float, default=0.0)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--encoder-cache", action="store_true", help="read the frozen encoder's states from disk")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.engine == "model":
        make_model(options.model, options.vocabulary, options.small)
        return
    text = Text(options.equal or None, options.vocabulary, options.words)
    run = {"anyglot": run_anyglot, "trainer": run_trainer, "loader": run_loader, "equality": run_equality}
    json.dump(run[options.engine](options, text), sys.stdout)


if __name__ == "__main__":
    main()

"""One engine in a process of its own: prints a JSON line of its speed, its memory, and its losses.

anyglot          `understanding.tuning.tune`
trainer-script   transformers' Trainer as its example script for pair classification sets it: every row padded to the
                 longest length allowed, random order
trainer-best     the same Trainer with padding to the longest row of a batch, and batches of rows of like length
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

UNSEEN = 2  # first updates, which pay for set-up
LABELS = ("entailment", "neutral", "contradiction")


def pairs(path: Path) -> list[tuple[str, str, int]]:
    """Premise, hypothesis, class."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    return [(premise, hypothesis, LABELS.index(label)) for premise, hypothesis, label in rows]


def run_anyglot(options: argparse.Namespace) -> dict[str, Any]:
    """The package's own fine-tuning."""
    from anyglot.evaluation.finetuning import finetune
    from anyglot.evaluation.finetuning.settings import TuningSettings
    from anyglot.evaluation.tasks.examples import Example, TextExample
    from anyglot.evaluation.tasks.task import Protocol, Task

    task = Task("xnli", "XNLI", "classification", LABELS, ("en",), ("accuracy",))
    protocol = Protocol(options.learning_rate, epochs=100, batch=options.batch, max_length=options.max_length)
    settings = TuningSettings(protocol, seed=options.seed, precision="bf16", max_updates=options.updates)

    def examples() -> Iterator[Example]:
        for number, (premise, hypothesis, label) in enumerate(pairs(options.data)):
            yield TextExample(str(number), (premise, hypothesis), LABELS[label])

    clock, busy, tokens = [], [], []
    inner = finetune.Understanding.losses

    def losses(method: Any, model: Any, batch: Any) -> Any:
        """Notes when an update begins; the arithmetic is the method's."""
        clock.append(time.perf_counter())
        busy.append(time.process_time())
        tokens.append(int(batch.mask.sum()))
        found = inner(method, model, batch)
        values.append(float(found.total.detach()) / found.tokens)
        return found

    values: list[float] = []
    finetune.Understanding.losses = losses  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        finetune.tune(str(options.model), task, {"en": examples}, {}, Path(folder), settings, identity={}, quiet=True)
    # The last update ends behind the last entry of the clock, so it is left out on both sides.
    return told(tokens[UNSEEN:-1], clock[-1] - clock[UNSEEN], busy[-1] - busy[UNSEEN], values)


def run_trainer(options: argparse.Namespace, *, best: bool) -> dict[str, Any]:
    """transformers' Trainer, its bf16, its fused AdamW."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=len(LABELS))
    padding: Any = False if best else "max_length"
    samples = []
    for premise, hypothesis, label in pairs(options.data):
        row = tokenizer(premise, hypothesis, truncation=True, max_length=options.max_length, padding=padding)
        samples.append({**row, "label": label})
    collator = DataCollatorWithPadding(tokenizer)
    clock: list[float] = []
    busy: list[float] = []
    tokens: list[int] = []
    values: list[float] = []

    class Noting(Trainer):
        def compute_loss(self, model: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
            clock.append(time.perf_counter())
            busy.append(time.process_time())
            tokens.append(int(inputs["attention_mask"].sum()))
            found = super().compute_loss(model, inputs, *arguments, **named)
            loss = found[0] if isinstance(found, tuple) else found
            values.append(float(loss.detach()))
            return found

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=options.batch,
            max_steps=options.updates,
            learning_rate=options.learning_rate,
            lr_scheduler_type="linear",
            optim="adamw_torch_fused" if best else "adamw_torch",
            max_grad_norm=1.0,
            bf16=True,
            use_cpu=True,
            train_sampling_strategy="group_by_length" if best else "random",
            dataloader_pin_memory=False,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=options.seed,
        )
        trainer = Noting(
            model=model,
            args=arguments,
            train_dataset=samples,  # type: ignore[arg-type]
            data_collator=collator,
        )
        trainer.train()
    return told(tokens[UNSEEN:-1], clock[-1] - clock[UNSEEN], busy[-1] - busy[UNSEEN], values)


def told(tokens: list[int], seconds: float, processor: float, losses: list[float]) -> dict[str, Any]:
    """Real tokens a second, padding left out, and the mean loss of each quarter of the updates."""
    return {
        "tokens_per_second": sum(tokens) / seconds,
        "tokens_per_processor_second": sum(tokens) / processor,
        "updates_per_second": len(tokens) / seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "losses": [float(np.mean(part)) for part in np.array_split(losses, 4)],
    }


def main() -> None:
    """Run the engine named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=["anyglot", "trainer-script", "trainer-best"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.engine == "anyglot":
        result = run_anyglot(options)
    else:
        result = run_trainer(options, best=options.engine == "trainer-best")
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

"""Seq2SeqTrainer and PEFT on our models."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSeq2SeqLM, Seq2SeqTrainer, Seq2SeqTrainingArguments

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.hub.translation import AnyglotForConditionalGeneration
from anyglot.models.store import load_model
from support.hub_builders import batch, copies


def examples(count: int) -> list[dict[str, Any]]:
    made = copies([6] * count, seed=5)
    return [{key: values[place].tolist() for key, values in made.items()} for place in range(count)]


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {key: torch.tensor([row[key] for row in rows]) for key in rows[0]}


def trainer(model: Any, folder: Path, rows: int = 32, **options: Any) -> Seq2SeqTrainer:
    settings: dict[str, Any] = {
        "per_device_train_batch_size": 8,
        "learning_rate": 5e-3,
        "lr_scheduler_type": "constant",
        "num_train_epochs": 3,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 3,
    }
    arguments = Seq2SeqTrainingArguments(output_dir=str(folder), **{**settings, **options})
    data = examples(rows)
    return Seq2SeqTrainer(model=model, args=arguments, train_dataset=data, eval_dataset=data[:4], data_collator=collate)


def losses(trained: Seq2SeqTrainer) -> list[float]:
    return [entry["loss"] for entry in trained.state.log_history if "loss" in entry]


@pytest.fixture
def shell(copier_folder: Path) -> AnyglotForConditionalGeneration:
    opened = AutoModelForSeq2SeqLM.from_pretrained(copier_folder)
    assert isinstance(opened, AnyglotForConditionalGeneration)
    return opened


def test_the_trainer_learns_and_leaves_the_frozen_table(shell: AnyglotForConditionalGeneration, tmp_path: Path) -> None:
    table = shell.get_input_embeddings().weight.requires_grad_(False)
    frozen, moving = table.detach().clone(), shell.decoder.stack.blocks[0].feedforward.inner.up.weight.detach().clone()
    run = trainer(shell, tmp_path, rows=8, num_train_epochs=12)
    run.train()
    seen = losses(run)
    assert sum(seen[-3:]) < 0.8 * sum(seen[:3])
    assert torch.equal(shell.get_input_embeddings().weight, frozen)
    assert torch.equal(shell.output.weight, frozen)
    assert not torch.equal(shell.decoder.stack.blocks[0].feedforward.inner.up.weight, moving)


def test_what_the_trainer_saves_we_open(shell: AnyglotForConditionalGeneration, tmp_path: Path) -> None:
    run = trainer(shell, tmp_path, num_train_epochs=1)
    run.train()
    run.save_model(str(tmp_path / "saved"))
    again = load_model(tmp_path / "saved")
    assert all(torch.equal(one, two) for one, two in zip(shell.parameters(), again.parameters(), strict=True))


def test_accumulated_steps_are_the_whole_batch(copier_folder: Path, tmp_path: Path) -> None:
    """The fault of several stock models: loss and gradient times the number of micro-batches."""
    after = []
    for size, accumulation in ((8, 1), (2, 4)):
        model = AutoModelForSeq2SeqLM.from_pretrained(copier_folder)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        run = trainer(
            model,
            tmp_path,
            rows=8,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulation,
            num_train_epochs=1,
            optim="sgd",
            max_grad_norm=0.0,
        )
        run.train()
        after.append((losses(run)[0], model.output.weight.detach()))
    assert after[0][0] == pytest.approx(after[1][0], rel=1e-3)
    torch.testing.assert_close(after[0][1], after[1][1], rtol=1e-4, atol=1e-6)


def test_the_trainer_evaluates_by_generating(shell: AnyglotForConditionalGeneration, tmp_path: Path) -> None:
    run = trainer(shell, tmp_path, predict_with_generate=True, generation_max_length=12)
    found = run.predict(run.eval_dataset)
    assert found.predictions.shape[0] == 4 and found.metrics["test_loss"] > 0


LORA = LoraConfig(
    task_type="SEQ_2_SEQ_LM", r=4, lora_alpha=8, target_modules=["query", "value"], init_lora_weights=False
)


def logits(model: Any) -> torch.Tensor:
    source, mask = batch([7, 4])
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=source, attention_mask=mask, decoder_input_ids=source[:, :3]).logits
    return found


def test_an_adapter_changes_what_is_said_and_can_be_merged(shell: AnyglotForConditionalGeneration) -> None:
    before = logits(shell)
    adapted = get_peft_model(shell, LORA).eval()
    after = logits(adapted)
    assert not torch.allclose(before, after, atol=1e-3)
    merged = adapted.merge_and_unload()
    assert isinstance(merged, AnyglotForConditionalGeneration)
    torch.testing.assert_close(logits(merged), after, rtol=1e-4, atol=1e-4)


def test_every_attention_gets_its_adapter(shell: AnyglotForConditionalGeneration) -> None:
    adapted = get_peft_model(shell, LORA)
    names = {
        name.split(".lora_A")[0].split("base_model.model.")[1]
        for name, _ in adapted.named_parameters()
        if "lora_A" in name
    }
    assert "decoder.stack.blocks.1.cross_attention.inner.value" in names
    assert len(names) == 2 * (3 + 2 * 2)


@pytest.mark.parametrize(
    ("names", "count"),
    [(r"decoder\..*\.(query|value)", 2 * 2 * 2), (["inner.output"], 3 + 2 * 2), (["up", "down"], 2 * (3 + 2))],
)
def test_the_documented_names_are_found(
    shell: AnyglotForConditionalGeneration, names: str | list[str], count: int
) -> None:
    adapted = get_peft_model(shell, LoraConfig(task_type="SEQ_2_SEQ_LM", r=2, target_modules=names))
    assert sum("lora_A" in name for name, _ in adapted.named_parameters()) == count


def test_the_merged_model_is_a_folder_of_ours(shell: AnyglotForConditionalGeneration, tmp_path: Path) -> None:
    merged = get_peft_model(shell, LORA).merge_and_unload()
    merged.save_pretrained(tmp_path)
    again = load_model(tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(merged.parameters(), again.parameters(), strict=True))


def test_only_the_adapter_trains(shell: AnyglotForConditionalGeneration, tmp_path: Path) -> None:
    adapted = get_peft_model(shell, LORA)
    before = {name: parameter.detach().clone() for name, parameter in adapted.named_parameters()}
    run = trainer(adapted, tmp_path, rows=8, num_train_epochs=12, learning_rate=2e-2)
    run.train()
    seen = losses(run)
    assert sum(seen[-3:]) < sum(seen[:3])
    moved = {name for name, parameter in adapted.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved and all("lora_" in name for name in moved)


def test_an_adapter_is_saved_and_opened(
    shell: AnyglotForConditionalGeneration, copier_folder: Path, tmp_path: Path
) -> None:
    adapted = get_peft_model(shell, LORA).eval()
    adapted.save_pretrained(tmp_path)
    fresh = AutoModelForSeq2SeqLM.from_pretrained(copier_folder)
    again = PeftModel.from_pretrained(fresh, str(tmp_path)).eval()
    assert torch.equal(logits(again), logits(adapted))


def test_an_adapted_model_generates(shell: AnyglotForConditionalGeneration) -> None:
    adapted = get_peft_model(shell, LORA).eval()
    source, mask = batch([7, 4])
    with_cache = adapted.generate(input_ids=source, attention_mask=mask, max_new_tokens=8)
    without = adapted.generate(input_ids=source, attention_mask=mask, max_new_tokens=8, use_cache=False)
    assert torch.equal(with_cache, without)

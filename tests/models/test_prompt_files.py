"""Prompts saved alone come back over any copy of their base and share it; another is refused or doubted."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.fingerprint import weights_fingerprint
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.prompt_files import FILE, WEIGHTS, SavedPrompts, load_prompts, prompted, save_prompts
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.restrict import restrict_output
from anyglot.models.store import load_model, save_model
from anyglot.nn.embeddings import LearnedPositions
from support.tiny_sga import pairs, sga, write_encoder


@pytest.fixture
def base(tmp_path: Path) -> str:
    return write_encoder(tmp_path / "base")


def changed(model: PromptedEncoder, seed: int = 1) -> PromptedEncoder:
    """Prompts as after training: none is what a fresh model has."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith("encoder."):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


def logits(model: PromptedEncoder) -> Tensor:
    batch = pairs()
    memory = model.read(batch.source, batch.source_mask)
    canvas, mask = model.canvas(memory)
    return torch.cat([model.output(write(canvas, mask, memory)) for write in (model.align, model.denoise)])


def quietly(encoder: Encoder, folder: Path) -> PromptedEncoder:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return over(encoder, load_prompts(folder), "base")


def over(encoder: Encoder, saved: SavedPrompts, origin: str) -> PromptedEncoder:
    return prompted(encoder, saved, origin, weights_fingerprint(encoder))


@pytest.mark.parametrize("options", [{}, {"positions": "zero"}, {"groups": ["en", "de-en"]}, {"denoise": False}])
def test_prompts_over_their_base_are_the_model(base: str, tmp_path: Path, options: dict[str, object]) -> None:
    before = changed(sga(base, **options)[1])
    save_prompts(before, tmp_path / "prompts")
    after = quietly(load_encoder(base), tmp_path / "prompts")
    theirs = dict(after.named_parameters())
    assert [name for name, _ in before.named_parameters()] == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in before.named_parameters())
    assert after.config == before.config and not after.training
    if before.config.denoise:
        assert torch.equal(logits(after), logits(before))


def test_the_base_may_be_another_run_or_a_transformers_folder(base: str, tmp_path: Path) -> None:
    before = changed(sga(base)[1])
    save_prompts(before, tmp_path / "prompts")
    save_model(changed(sga(base, positions="zero")[1], seed=2), tmp_path / "run")
    save_pretrained(load_encoder(base), tmp_path / "theirs")
    for folder in ("run", "theirs"):
        after = quietly(load_encoder(tmp_path / folder), tmp_path / "prompts")
        assert torch.equal(logits(after), logits(before)), folder


def test_sets_of_prompts_share_one_base(base: str, tmp_path: Path) -> None:
    """And are not in each other's way, though one counts positions from zero and one writes half of the words."""
    models = [changed(sga(base)[1]), changed(sga(base, positions="zero")[1], seed=2), changed(sga(base)[1], seed=3)]
    restrict_output(models[2], torch.tensor([0, 2, *range(6, 25)]), "here")
    wanted = [logits(model) for model in models]
    for number, model in enumerate(models):
        save_prompts(model, tmp_path / f"prompts{number}")
    encoder = load_encoder(base)
    loaded = [quietly(encoder, tmp_path / f"prompts{number}") for number in range(3)]
    loaded[1:] = [over(loaded[0].encoder, load_prompts(tmp_path / f"prompts{number}"), "base") for number in (1, 2)]
    for model, expected in zip(loaded, wanted, strict=True):
        assert torch.equal(logits(model), expected)
        ours = {name: value.data_ptr() for name, value in model.encoder.named_parameters()}
        assert ours == {name: value.data_ptr() for name, value in encoder.named_parameters() if name in ours}
    assert isinstance(encoder.embeddings.positions, LearnedPositions) and encoder.embeddings.positions.offset == 2
    assert encoder.head is not None and encoder.head.output.rows is None


def test_the_files_are_small_and_hold_no_part_of_the_base(base: str, tmp_path: Path) -> None:
    model = sga(base)[1]
    save_prompts(model, tmp_path / "prompts")
    assert sorted(path.name for path in (tmp_path / "prompts").iterdir()) == [FILE, WEIGHTS]
    names = set(load_file(tmp_path / "prompts" / WEIGHTS))
    assert names == {name for name, _ in model.named_parameters() if not name.startswith("encoder.")}


def test_another_base_of_the_same_shape_is_doubted(base: str, tmp_path: Path) -> None:
    save_prompts(sga(base)[1], tmp_path / "prompts")
    encoder = load_encoder(base)
    with torch.no_grad():
        encoder.embeddings.tokens.weight[7, 0] += 1e-3
    with pytest.warns(UserWarning, match=r"trained over another encoder than other, of the same shape"):
        over(encoder, load_prompts(tmp_path / "prompts"), "other")


def test_another_shape_is_refused_by_name(base: str, tmp_path: Path) -> None:
    model = sga(base)[1]
    save_prompts(model, tmp_path)
    path = tmp_path / FILE
    for part, key, value in (("stack", "layers", 2), ("stack", "width", 32), ("embeddings", "vocabulary_size", 41)):
        document = json.loads(path.read_text())
        document["config"]["encoder"][part][key] = value
        if key == "width":
            document["config"]["encoder"]["embeddings"]["width"] = value
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / FILE).write_text(json.dumps(document))
        save_file(load_file(tmp_path / WEIGHTS), tmp_path / "other" / WEIGHTS)
        with pytest.raises(UserError, match=rf"do not fit base: .*{key} {value}, not"):
            over(load_encoder(base), load_prompts(tmp_path / "other"), "base")
    headless = load_encoder(write_encoder(tmp_path / "headless", head=False))
    with pytest.raises(UserError, match="headless has no language head"):
        over(headless, load_prompts(tmp_path), "headless")


def test_what_is_no_folder_of_prompts_is_refused(base: str, tmp_path: Path) -> None:
    for folder in (Path(base), tmp_path / "nothing", Path(base) / "model.safetensors"):
        with pytest.raises(UserError, match=r"no prompts in it: name the folder of an SGA run"):
            load_prompts(folder)
    save_prompts(sga(base)[1], tmp_path / "prompts")
    (tmp_path / "prompts" / WEIGHTS).unlink()
    with pytest.raises(UserError, match=f"holds no {WEIGHTS}"):
        load_prompts(tmp_path / "prompts")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.booleans(), weights=st.booleans())
def test_damage_is_one_sentence_or_nothing(
    base: str, tmp_path: Path, place: int, byte: int, cut: bool, weights: bool
) -> None:
    """A byte changed or the file cut short anywhere: refused, or loaded where it was a value that changed."""
    save_prompts(sga(base)[1], tmp_path / "prompts")
    path = tmp_path / "prompts" / (WEIGHTS if weights else FILE)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] = byte
    path.write_bytes(bytes(content[:place] if cut else content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            assert isinstance(over(load_encoder(base), load_prompts(tmp_path / "prompts"), "base"), PromptedEncoder)
        except UserError as error:
            assert str(tmp_path) in str(error)


def test_a_saved_model_and_its_prompts_are_one(base: str, tmp_path: Path) -> None:
    """The folder of a run holds both; a folder with prompts inside stands for them."""
    model = changed(sga(base)[1])
    save_model(model, tmp_path / "run")
    save_prompts(model, tmp_path / "run" / "prompts")
    whole = load_model(tmp_path / "run")
    assert isinstance(whole, PromptedEncoder)
    assert torch.equal(logits(quietly(load_encoder(base), tmp_path / "run")), logits(whole))

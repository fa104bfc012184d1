"""W14: whether a result depends on the batch is measured on the machine at hand, mended by filling rows, or said."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.inference.translation import Translator
from anyglot.models.precision import multiplies_int8
from anyglot.nn import batch_invariance, row_filling
from anyglot.nn.batch_invariant import batch_invariant_linear, batch_invariant_rows, decoding_attention, fused_attention
from anyglot.nn.quantized import integer_product
from anyglot.runtime import measurements
from support.tiny_translators import TEXTS

FORMATS = [
    "fp32",
    "bf16",
    pytest.param(
        "int8",
        marks=pytest.mark.skipif(
            not multiplies_int8(torch.device("cpu")), reason="this processor has no int8 products"
        ),
    ),
]
KINDS = {name: kind for kind, name in row_filling.FORMATS.items()}
FEW = ((20, 8, 12, 3), (37, 16, 8, 5))


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache in which nothing was measured yet, and one thread, whatever a test before has left."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    row_filling._filling.cache_clear()  # what an injected product left behind
    batch_invariance._attention.cache_clear()


def moved_by_rows(whole: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A product whose rows change in their last bits where there is no multiple of `whole` of them; 0: always."""

    def product(x: Tensor, weight: Tensor) -> Tensor:
        found = (x.double() @ weight.double().t()).float()
        spare = len(x) % whole if whole else len(x)
        return found * (1 + spare * 2.0**-20)

    return product


@pytest.mark.parametrize(
    ("whole", "bf16", "fp32"), [(1, 1, 16), (16, 16, 16), (32, 32, 32), (128, 128, 128), (0, 0, 0)]
)
def test_w14_the_fewest_rows_that_help_are_found_and_none_where_none_do(whole: int, bf16: int, fp32: int) -> None:
    product = moved_by_rows(whole)
    assert row_filling.measured(product, "bf16", 1, FEW) == bf16
    assert row_filling.measured(product, "fp32", 1, FEW) == fp32
    assert row_filling.measured(product, "bf16", 2, FEW) == (bf16 if bf16 < 2 else max(32, whole))


def test_w14_a_place_in_the_crowd_that_decides_bits_is_found() -> None:
    def by_place(x: Tensor, weight: Tensor) -> Tensor:
        return (x.float() @ weight.float().t()) + (torch.arange(len(x)) % 2)[:, None]

    assert row_filling.measured(by_place, "bf16", 1, FEW) == 0


def test_w14_attention_that_depends_on_its_neighbours_is_found() -> None:
    def by_batch(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
        return fused_attention(query, key, value, mask, dropout) * len(query)

    assert batch_invariance.attention_is_batch_invariant("fp32", (fused_attention,)) == (
        batch_invariance.batch_dependence((), "fp32") is None
        or not batch_invariance.attention_is_batch_invariant("fp32", (decoding_attention,))
    )
    assert not batch_invariance.attention_is_batch_invariant("fp32", (fused_attention, by_batch))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", FORMATS)
def test_w14_what_was_measured_holds_for_the_real_products(kind: row_filling.Format, threads: int) -> None:
    """Shapes of the report and others that the measurement did not see."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = row_filling.filling(kind, threads)
        assert found in (0, *row_filling.candidates(kind, threads))
        if not found:
            pytest.skip(f"measured: no number of rows makes {kind} products with {threads} threads steady here")
        for rows, width, outputs, part in (
            *row_filling.SHAPES,
            (200, 384, 384, 9),
            (50, 512, 2048, 17),
            (64, 48, 1000, 4),
        ):
            torch.manual_seed(rows)
            x, weight = torch.randn(rows, width), torch.randn(outputs, width)
            if kind == "int8":
                x, weight = x.mul(40).to(torch.int8), weight.mul(40).to(torch.int8)
                assert torch.equal(integer_product(x[:part], weight), integer_product(x, weight)[:part])
                continue
            x, weight = x.to(KINDS[kind]), weight.to(KINDS[kind])
            assert torch.equal(batch_invariant_linear(x[:part], weight), batch_invariant_linear(x, weight)[:part])
    finally:
        torch.set_num_threads(before)


def test_w14_it_is_measured_once_a_format_and_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def measured(product: object, kind: str, threads: int) -> int:
        asked.append((kind, threads))
        return 64

    monkeypatch.setattr(row_filling, "measured", measured)
    assert [row_filling.filling("bf16", threads) for threads in (1, 1, 2)] == [64, 64, 64]
    row_filling._filling.cache_clear()  # a new process
    assert row_filling.filling("bf16", 1) == 64 and asked == [("bf16", 1), ("bf16", 2)]
    path = measurements.memory(row_filling.MEMORY)
    known = json.loads(path.read_text())
    assert set(known.values()) == {64} and all(torch.__version__ in key for key in known) and len(known) == 2
    # What no measurement gives is measured again, and so is what cannot be read.
    for content in (json.dumps(dict.fromkeys(known, 7)), json.dumps(dict.fromkeys(known, True)), "[]", "{broken"):
        path.write_text(content)
        row_filling._filling.cache_clear()
        asked.clear()
        assert row_filling.filling("bf16", 1) == 64 and asked == [("bf16", 1)]
    path.unlink()
    path.mkdir()  # nothing can be written: it holds for this process
    row_filling._filling.cache_clear()
    assert row_filling.filling("bf16", 1) == row_filling.filling("bf16", 1) == 64


def test_w14_the_measurement_takes_little_and_draws_nothing_of_the_users() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    operations = 0

    def counted(x: Tensor, weight: Tensor) -> Tensor:
        nonlocal operations
        operations += 2 * len(x) * weight.numel()
        return functional.linear(x, weight)

    assert row_filling.measured(counted, "bf16", 1) in (0, *row_filling.candidates("bf16", 1))
    assert operations < 6e9  # every candidate; a slow core does 20e9 in a second, and the first needs 1.2e9
    assert torch.equal(torch.get_rng_state(), before)


def unsteady_linear(whole: int) -> Callable[..., Tensor]:
    """torch's linear as the report found it in bf16: rows move unless their number is a multiple of `whole`.

    What a machine's own bf16 product does must not show, so the rest is computed in double precision and rounded.
    """
    real = functional.linear

    def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if x.dtype is not torch.bfloat16:
            return real(x, weight, bias)
        rows = x.numel() // x.shape[-1]
        found = real(x.double(), weight.double(), None if bias is None else bias.double()).bfloat16()
        shift = (rows % whole if whole else rows) / 16  # large enough for bf16 to show it
        return found * (1 + shift) if shift else found

    return linear


def translated(translator: Translator) -> bool:
    """Whether translations are the same alone and together."""
    options = {"source": "de", "target": "en", "decoder": "greedy", "max_length": 8}
    together = translator.translate(TEXTS, **options)
    return together == [translator.translate([text], **options)[0] for text in TEXTS]


def embedded(embedder: Embedder) -> bool:
    together = embedder.embed(TEXTS, EmbeddingSettings(batch_tokens=10_000))
    return bool((together[:2] == embedder.embed(TEXTS[:2])).all())


def test_w14_products_that_move_are_mended_by_filling_rows(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "linear", unsteady_linear(16))
    monkeypatch.setattr(torch.nn.functional, "linear", functional.linear)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        translator = Translator.from_pretrained(model, device="cpu", precision="bf16")
        embedder = Embedder.from_pretrained(model, device="cpu", precision="bf16")
    assert batch_invariant_rows(torch.zeros(1, 1, dtype=torch.bfloat16)) == 16
    assert translator.batch_independent and embedder.batch_independent
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of zero-shot directions
        assert translated(translator)
    assert embedded(embedder)


def test_w14_where_nothing_helps_it_is_said_and_not_promised(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady = Translator.from_pretrained(model, device="cpu", precision="bf16")
    row_filling._filling.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(model / "another-machine"))
    monkeypatch.setattr(functional, "linear", unsteady_linear(0))
    with pytest.warns(UserWarning, match="bf16 products depend on what else is in the batch.*may change in their last"):
        translator = Translator.from_pretrained(model, device="cpu", precision="bf16")
    with pytest.warns(UserWarning, match="bf16 products depend"):
        embedder = Embedder.from_pretrained(model, device="cpu", precision="bf16")
    assert not translator.batch_independent and not embedder.batch_independent
    assert translator.identity != steady.identity, "one could be resumed with the other"
    assert batch_invariant_rows(torch.zeros(1, 1, dtype=torch.bfloat16)) == 1
    whole = Translator.from_pretrained(model, device="cpu", precision="fp32")
    assert whole.batch_independent == (batch_invariance.batch_dependence(("fp32",), "fp32") is None)
    (model / "in.de").write_text("\n".join(TEXTS))
    asked = ["translate", str(model), "-s", "de", "-t", "en", "-i", str(model / "in.de"), "-o", str(model / "out")]
    result = CliRunner().invoke(app, [*asked, "--precision", "bf16", "--beam", "1", "--max-length", "4"])
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning: on this machine (") == 1

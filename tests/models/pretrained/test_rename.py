"""Rename tables are reversible and unambiguous."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.models.build import build
from anyglot.models.config import (
    EmbeddingsConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    LanguageModelConfig,
    StackConfig,
)
from anyglot.models.pretrained.families import FAMILIES
from anyglot.models.pretrained.family import Config
from anyglot.models.pretrained.rename import Prefix, Rule, Table


def config_of(family: str, *, encoder_only: bool) -> Config:
    """A small model with everything the family may have."""
    whole = family in ("mbart", "m2m_100", "marian")
    pre = family in ("mbart", "m2m_100", "xlm-roberta-xl")
    embeddings = EmbeddingsConfig(
        vocabulary_size=11,
        width=4,
        positions="sinusoidal" if family in ("m2m_100", "marian") else "learned",
        position_rows=9,
        segments=0 if whole else 2,
        norm=family not in ("m2m_100", "marian", "xlm-roberta-xl"),
    )
    stack = StackConfig(layers=12, width=4, heads=2, feedforward_width=8, norm_first=pre)
    if family == "gpt2":
        bare = embeddings.model_copy(update={"segments": 0, "norm": False})
        return LanguageModelConfig(embeddings=bare, stack=stack.model_copy(update={"norm_first": True}))
    encoder = EncoderConfig(embeddings=embeddings, stack=stack, language_head=not whole, pooler=not whole)
    if not whole or encoder_only:
        return encoder
    decoder = stack.model_copy(update={"cross_attention": True})
    return EncoderDecoderConfig(
        encoder=encoder, decoder_embeddings=embeddings, decoder=decoder, output_bias=family in ("mbart", "marian")
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("encoder_only", [False, True])
def test_every_parameter_has_a_name_on_the_other_side_and_back(family: str, encoder_only: bool) -> None:
    config = config_of(family, encoder_only=encoder_only)
    table = FAMILIES[family].table(config)
    names = [name for name, _ in build(config).named_parameters()]
    theirs = [table.theirs(name) for name in names]
    assert None not in theirs and len(set(theirs)) == len(names)
    assert [table.ours(name or "") for name in theirs] == names


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_rules_match_one_name(family: str) -> None:
    table = FAMILIES[family].table(config_of(family, encoder_only=False))
    for rule in table.rules:
        for side in ("theirs", "ours"):
            name = getattr(rule, side).replace("{layer}", "7").replace("{part}", "bias")
            one = [
                other
                for other in table.rules
                if getattr(Table([other]), "ours" if side == "theirs" else "theirs")(name)
            ]
            assert one == [rule]


@given(st.integers(0, 9999), st.sampled_from(["weight", "bias"]))
def test_a_rule_inverts_itself(layer: int, part: str) -> None:
    table = Table([Rule("a.{layer}.b.{part}", "c.{part}.d{layer}")])
    name = f"a.{layer}.b.{part}"
    assert table.ours(name) == f"c.{part}.d{layer}"
    assert table.theirs(f"c.{part}.d{layer}") == name


@pytest.mark.parametrize(
    "name", ["a.01.b.weight", "a.-1.b.weight", "a.1.b.gamma", "xa.1.b.weight", "a.1.b.weight.x", ""]
)
def test_other_names_match_nothing(name: str) -> None:
    assert Table([Rule("a.{layer}.b.{part}", "c.{layer}.{part}")]).ours(name) is None


def test_a_rule_with_unequal_placeholders_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="layer"):
        Rule("a.{layer}", "a")


def test_prefix() -> None:
    prefix = Prefix("roberta.", heads=("lm_head.",))
    assert prefix.remove("roberta.embeddings.LayerNorm.gamma") == "embeddings.LayerNorm.weight"
    assert prefix.remove("embeddings.LayerNorm.beta") == "embeddings.LayerNorm.bias"
    assert prefix.add("encoder.x") == "roberta.encoder.x"
    assert prefix.add("lm_head.bias") == "lm_head.bias"

"""The families of checkpoints that can be loaded and saved, by transformers' `model_type`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyglot.errors import UserError
from anyglot.models.pretrained.encoder_decoders import m2m_100, marian, mbart
from anyglot.models.pretrained.encoders import bert, roberta, roberta_prelayernorm, roberta_xl
from anyglot.models.pretrained.family import Family
from anyglot.models.pretrained.language_models import gpt2

FAMILIES: dict[str, Family] = {
    "xlm-roberta": roberta("xlm-roberta", "XLMRoberta"),  # base, large, XLM-V
    "roberta": roberta("roberta", "Roberta"),
    "camembert": roberta("camembert", "Camembert"),
    "xlm-roberta-xl": roberta_xl("xlm-roberta-xl", "XLMRobertaXL"),
    "roberta-prelayernorm": roberta_prelayernorm("roberta-prelayernorm", "RobertaPreLayerNorm"),
    "bert": bert("bert", "Bert"),  # mBERT
    "mbart": mbart("mbart", "MBartForConditionalGeneration"),  # mBART-50
    "m2m_100": m2m_100("m2m_100", "M2M100ForConditionalGeneration"),  # NLLB, dense
    "marian": marian("marian", "MarianMTModel"),  # opus-mt
    "gpt2": gpt2("gpt2", "GPT2LMHeadModel"),  # mGPT
}

# Near relatives that look supported and are not.
_REASONS = {
    "nllb-moe": "a mixture of experts; take a dense NLLB, e.g. nllb-200-distilled-600M",
    "bart": "post-norm, unlike mBART",
    "mt5": "relative positions",
    "t5": "relative positions",
    "deberta-v2": "disentangled attention",
}


def find_family(raw: Mapping[str, Any], origin: str) -> Family:
    """The family a config.json names.

    Raises:
        UserError: it names none, or one that is not supported.
    """
    name = raw.get("model_type")
    if isinstance(name, str) and name in FAMILIES:
        return FAMILIES[name]
    reason = f" ({_REASONS[name]})" if isinstance(name, str) and name in _REASONS else ""
    found = "names no model_type" if name is None else f"is of the family {name!r:.60}{reason}, which is not supported"
    raise UserError(f"{origin} {found}. Supported are {', '.join(FAMILIES)}.")

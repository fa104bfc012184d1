"""What the methods are compared with.

SixT+: XLM-R ft-all (section 3.1) and a Transformer from scratch. VECO: XLM (table 2). SGA: the non-autoregressive
Transformer with CTC, adapters, mBART, and a language model with multi-stage prompts (table 1).
"""

from anyglot.training.methods.baselines.adapters import Adapters, AdaptersOptions
from anyglot.training.methods.baselines.causal_language import CausalLanguage, CausalLanguageOptions
from anyglot.training.methods.baselines.denoising import Denoising, DenoisingOptions
from anyglot.training.methods.baselines.finetune import Finetune, FinetuneOptions
from anyglot.training.methods.baselines.finetune_all import FinetuneAll, FinetuneAllOptions
from anyglot.training.methods.baselines.msp import Msp, MspOptions
from anyglot.training.methods.baselines.nat_ctc import NatCtc, NatCtcOptions
from anyglot.training.methods.baselines.transformer import Transformer, TransformerOptions
from anyglot.training.methods.baselines.xlm import Xlm, XlmOptions

__all__ = [
    "Adapters",
    "AdaptersOptions",
    "CausalLanguage",
    "CausalLanguageOptions",
    "Denoising",
    "DenoisingOptions",
    "Finetune",
    "FinetuneAll",
    "FinetuneAllOptions",
    "FinetuneOptions",
    "Msp",
    "MspOptions",
    "NatCtc",
    "NatCtcOptions",
    "Transformer",
    "TransformerOptions",
    "Xlm",
    "XlmOptions",
]

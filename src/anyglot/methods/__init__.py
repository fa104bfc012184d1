"""Every method under its name in a recipe. Adding one: a folder and a line here."""

from anyglot.methods.base import Method
from anyglot.methods.baselines import (
    Adapters,
    CausalLanguage,
    Denoising,
    Finetune,
    FinetuneAll,
    Msp,
    NatCtc,
    Transformer,
    Xlm,
)
from anyglot.methods.continued import Continued
from anyglot.methods.masked_language import MaskedLanguage
from anyglot.methods.sga import Sga, SgaGeneration
from anyglot.methods.sixt import SixT
from anyglot.methods.veco import Veco, VecoTranslation

METHODS: dict[str, type[Method]] = {
    "masked_language": MaskedLanguage,
    "sixt": SixT,
    "finetune_all": FinetuneAll,
    "denoising": Denoising,
    "finetune": Finetune,
    "continued": Continued,
    "transformer": Transformer,
    "adapters": Adapters,
    "nat_ctc": NatCtc,
    "xlm": Xlm,
    "causal_language": CausalLanguage,
    "msp": Msp,
    "sga": Sga,
    "sga_generation": SgaGeneration,
    "veco": Veco,
    "veco_translation": VecoTranslation,
}

"""Every method under its name in a recipe. Adding one: a folder and a line here."""

from anyglot.training.methods.base import Method
from anyglot.training.methods.baselines import (
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
from anyglot.training.methods.continued import Continued
from anyglot.training.methods.masked_language import MaskedLanguage
from anyglot.training.methods.sga import Sga, SgaGeneration
from anyglot.training.methods.sixt import SixT
from anyglot.training.methods.veco import Veco, VecoTranslation

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

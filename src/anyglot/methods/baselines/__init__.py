"""What SixT+ is compared with: XLM-R ft-all (section 3.1) and a Transformer from scratch."""

from anyglot.methods.baselines.finetune_all import FinetuneAll, FinetuneAllOptions
from anyglot.methods.baselines.transformer import Transformer, TransformerOptions

__all__ = ["FinetuneAll", "FinetuneAllOptions", "Transformer", "TransformerOptions"]

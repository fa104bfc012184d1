"""VECO (Luo et al., 2021): one variable encoder-decoder, pretrained, then taken apart.

| paper | here |
|---|---|
| section 2.1, equations 1 to 3: three sub-modules in post-norm residuals | `nn/block.py: Block` |
| equation 4: self-attention and feed-forward, cross-attention skipped | `models/encoder.py: Encoder.forward` |
| equation 5: IS-MLM | `pretraining.py: Veco.losses`, the terms `inner_*` |
| equation 6: causal self-attention, cross-attention to detached states | `models/encoder.py: Encoder.cross` |
| equation 7: CS-MLM | `pretraining.py: Veco.losses`, the terms `cross_*` |
| equation 8: the sum of four terms; TLM beside it for sentence pairs (section 3) | `pretraining.py: Veco.losses` |
| section 3: segments of text and sentence pairs in turns | `data/segments.py`, `data/loader.py: Alternation` |
| section 3: first the cross-attention alone, then all | `pretraining.py: Veco.stages` |
| table 2: XLM on the same data | `baselines/xlm.py` |
| section 2.3, figure 1(b) and (c): taken apart | `models/extraction.py` |
| sections 5.1 and 5.2: fine-tuned to translation, and table 4's other initialisations | `translation.py` |
"""

from anyglot.training.methods.veco.pretraining import Veco, VecoOptions
from anyglot.training.methods.veco.translation import VecoTranslation, VecoTranslationOptions

__all__ = ["Veco", "VecoOptions", "VecoTranslation", "VecoTranslationOptions"]

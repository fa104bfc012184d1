"""Continued pretraining: a pretrained encoder-decoder goes on with the translation objective (Ji et al., 2024).

| paper | here |
|---|---|
| section 2.1, continued on translation (m2m, m2o, o2m) | `Continued`; the directions are the data's |
| section 2.1, translation from scratch, the control | `ContinuedOptions.values` "fresh", in the start's shape |
| section 5, the comparison with size, shape and data controlled | `anyglot.study` |
| SixT+ section 2.2, the two stages (moderator, method card 4.6) | `Continued.stages` |
| SixT+ section 2.2, positional disentangling | `methods.base.DropSkip`, at `Continued.stages` |
| mBART-50 (Tang et al., 2020), language tokens | `methods.pretrained.PretrainedTranslator.frames` |
"""

from anyglot.training.methods.continued.method import Continued, ContinuedOptions

__all__ = ["Continued", "ContinuedOptions"]

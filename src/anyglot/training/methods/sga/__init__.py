"""SGA: a frozen encoder becomes a non-autoregressive generator by prompts (align, then denoise).

| paper (SGA)                               | here                                         |
|-------------------------------------------|----------------------------------------------|
| section 3, prompts in every layer         | `layers.prompt.Prompt`                       |
| section 4.2, eq. 1 and 2                  | `models.prompted.PromptedEncoder.read`       |
| section 4.3, eq. 3 and 4, alignment       | `models.prompted.PromptedEncoder.align`      |
| section 4.3, L1 by CTC                    | `losses.ctc.ctc_likelihood`                  |
| section 4.4, eq. 5 and 6, denoising       | `models.prompted.PromptedEncoder.denoise`    |
| section 4.4, the noise                    | `methods.sga.noise.Noise`                    |
| section 4.4, L2 by CTC                    | `losses.ctc.ctc_likelihood`                  |
| section 4.5, eq. 7, the sum               | `methods.sga.translation.Sga.losses`         |
| section 5.4, shared prompts               | `groups: ["*"]`, `data.groups.group_of`      |
| section 4.3 and 5.5, free generation      | `methods.sga.generation.SgaGeneration`       |
| section 5.5, mask-predict                 | `decoding.mask_predict.mask_predict`         |
"""

from anyglot.training.methods.sga.generation import SgaGeneration, SgaGenerationOptions
from anyglot.training.methods.sga.translation import Sga, SgaOptions

__all__ = ["Sga", "SgaGeneration", "SgaGenerationOptions", "SgaOptions"]

"""Fine-tuning an encoder on an understanding task.

| protocol                                   | here                                              |
|--------------------------------------------|---------------------------------------------------|
| XTREME's heads (Hu et al., 2020)           | `models/task_model.py`, `nn/heads.py`         |
| VECO figure 1(b): cross-attention left out | `models/task_model.py: task_model`                |
| SixT+ section 3.3: the encoder of stage 2  | its dropped skip stays dropped: `load_encoder`    |
| what is minimised                          | `Understanding.losses`                            |

Its data are labelled examples and not a recipe's corpora, so it has no line in `METHODS`;
`evaluation/finetuning/finetune.py` hands it to the loop.
"""

from anyglot.training.methods.understanding.method import Understanding, UnderstandingOptions

__all__ = ["Understanding", "UnderstandingOptions"]

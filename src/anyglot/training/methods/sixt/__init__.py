"""SixT+: two-stage transfer of a multilingual encoder to translation.

| paper (SixT+)                      | here                                              |
|------------------------------------|---------------------------------------------------|
| section 2.1, eq. 1, sampling       | `data.sampling.temperature_weights`               |
| section 2.2, architecture          | `methods.translation.attach_decoder`              |
| section 2.2, stage 1, eq. 2        | `SixT.stages()[0]`                                |
| section 2.2, stage 2, eq. 3        | `SixT.stages()[1]`                                |
| section 2.2, positional disentangling | `methods.base.DropSkip`, at `SixT.disentangled_layer` |
| eq. 2 and 3, the likelihood        | `methods.translation.TranslationMethod.losses`    |
"""

from anyglot.training.methods.sixt.method import SixT, SixTOptions

__all__ = ["SixT", "SixTOptions"]

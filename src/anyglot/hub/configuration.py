"""config.json as transformers sees it. The file keeps this package's own format: a model is described once."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import transformers
from pydantic import BaseModel, ValidationError
from transformers import PreTrainedConfig

from anyglot.errors import UserError
from anyglot.models.config import EncoderConfig, EncoderDecoderConfig
from anyglot.models.store import FORMAT, MODEL_TYPES

# What transformers hands to every config beside the keys of the file.
_HANDED = {"format", "model_type", "name_or_path", "num_labels", "attn_implementation", "output_attentions"}
_HANDED |= {"torch_dtype", "experts_implementation", "_commit_hash"}


class _FolderConfig(PreTrainedConfig):  # type: ignore[misc]
    """What both kinds of model share.

    Args:
        network: This package's config of the model; read from the keys of the file when absent.
        values: The keys of config.json, and those of every PreTrainedConfig.

    Raises:
        UserError: A key is unknown, or its value is impossible.
    """

    schema: ClassVar[type[BaseModel]]

    def __init__(self, network: EncoderConfig | EncoderDecoderConfig | None = None, **values: Any) -> None:
        ours = {key: values.pop(key) for key in self.schema.model_fields if key in values}
        known = {field.name for field in fields(PreTrainedConfig)} | _HANDED
        unknown = sorted(values.keys() - known)
        if unknown:
            keys = ", ".join(self.schema.model_fields)
            raise UserError(f"a config of an anyglot model has no key '{unknown[0]}'; its keys are {keys}.")
        if network is None:
            try:
                network = self.schema.model_validate(ours)  # type: ignore[assignment]
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"])
                raise UserError(f"the config of this anyglot model is damaged: {where}: {first['msg']}.") from None
        assert network is not None
        self.network = network
        values.pop("format", None)
        self._take_sizes()
        super().__init__(**values)  # last: it checks the sizes

    def _take_sizes(self) -> None:
        """The numbers that transformers asks any config for."""
        network = self.network
        encoder = network if isinstance(network, EncoderConfig) else network.encoder
        self.pad_token_id = network.padding_id
        self.hidden_size = encoder.stack.width
        self.num_hidden_layers = encoder.stack.layers
        self.num_attention_heads = encoder.stack.heads
        self.vocab_size = encoder.embeddings.vocabulary_size
        self.max_position_embeddings = encoder.embeddings.position_rows - encoder.embeddings.position_offset

    def to_dict(self) -> dict[str, Any]:
        """The object in config.json, which this package reads as well as transformers does."""
        written: dict[str, Any] = {
            "format": FORMAT,
            "model_type": self.model_type,
            "architectures": self.architectures,
            "dtype": self.dtype,
            "transformers_version": transformers.__version__,
            **self.network.model_dump(mode="json"),
        }
        self.dict_dtype_to_str(written)
        return {key: value for key, value in written.items() if value is not None}

    def to_diff_dict(self) -> dict[str, Any]:
        """The same: what is left to a default today may not be tomorrow."""
        return self.to_dict()

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """This config, as all of the model is about text."""
        return self


class AnyglotEncoderConfig(_FolderConfig):
    """An encoder of this package, for AutoModel and AutoModelForMaskedLM."""

    model_type = MODEL_TYPES["encoder"]
    schema = EncoderConfig
    if TYPE_CHECKING:  # an annotation that were seen would become a field of the dataclass
        network: EncoderConfig

    def __init__(self, network: EncoderConfig | None = None, **values: Any) -> None:
        super().__init__(network, **values)  # without one of its own the class would be given a dataclass's


class AnyglotConfig(_FolderConfig):
    """An encoder-decoder of this package, for AutoModelForSeq2SeqLM.

    `hidden_size` and its like tell of the encoder, `get_text_config(decoder=True)` has the decoder's; the vocabulary is
    the decoder's, whose logits it counts.
    """

    model_type = MODEL_TYPES["encoder-decoder"]
    schema = EncoderDecoderConfig
    if TYPE_CHECKING:
        network: EncoderDecoderConfig
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache", "past_key_values"]

    def __init__(self, network: EncoderDecoderConfig | None = None, **values: Any) -> None:
        super().__init__(network, **{**values, "is_encoder_decoder": True})

    def _take_sizes(self) -> None:
        super()._take_sizes()
        self.vocab_size = self.network.decoder_embeddings.vocabulary_size
        self.eos_token_id = self.network.end_id
        self.decoder_start_token_id = self.network.start_id

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """This config; asked for the decoder alone, with the decoder's sizes."""
        if not decoder or encoder:
            return self
        alone = copy.copy(self)
        alone.hidden_size = self.network.decoder.width
        alone.num_hidden_layers = self.network.decoder.layers
        alone.num_attention_heads = self.network.decoder.heads
        return alone

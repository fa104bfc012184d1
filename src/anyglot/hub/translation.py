"""An encoder-decoder of this package as a transformers model: forward, generate, loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from anyglot.errors import UserError
from anyglot.hub.cache import PAST, DecodingCache
from anyglot.hub.configuration import AnyglotConfig
from anyglot.hub.searching import search_settings
from anyglot.hub.shell import IGNORED, Shell, bool_mask, mean_loss, refuse
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.nn.attention import Memory
from anyglot.nn.heads import OutputProjection


class SourceEncoder(nn.Module):
    """What `generate` calls once: the encoder, with the target projection of a many-to-many model."""

    def __init__(self, shell: AnyglotForConditionalGeneration) -> None:
        super().__init__()
        self.encoder = shell.encoder
        self._shell = (shell,)  # in a tuple: its parameters are not this module's

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        target_language: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput:
        """Encode.

        Shape:
            input_ids: (B, S)    attention_mask: (B, S)    target_language: (B,)    last_hidden_state: (B, S, D)
        """
        refuse({"output_attentions": output_attentions})
        network = self._shell[0].network
        mask = bool_mask(input_ids, attention_mask, network.config.padding_id)
        encoded = network.encoder(input_ids, mask, keep_states=bool(output_hidden_states))
        memory = network.encode(input_ids, mask, target_language, states=encoded.last)
        return BaseModelOutput(last_hidden_state=memory.states, hidden_states=encoded.states)


class AnyglotForConditionalGeneration(Shell, GenerationMixin):  # type: ignore[misc]
    """AutoModelForSeq2SeqLM of an encoder-decoder of this package.

    Example:
        >>> import anyglot                                                                   # doctest: +SKIP
        >>> model = AutoModelForSeq2SeqLM.from_pretrained("runs/demo/sixt")                  # doctest: +SKIP
    """

    config: AnyglotConfig
    config_class = AnyglotConfig
    main_input_name = "input_ids"

    def __init__(self, config: AnyglotConfig, network: EncoderDecoder | None = None) -> None:
        if config.network.adapters is not None:
            raise UserError(
                "transformers cannot choose an adapter by a sentence's languages: use this model with "
                "`anyglot translate`."
            )
        super().__init__(config, network)
        self.encoder.main_input_name = self.main_input_name  # `generate` asks it
        self.generation_config = search_settings(config.network)

    @property
    def network(self) -> EncoderDecoder:
        """The parts as this package's model: not a copy."""
        network = EncoderDecoder(self.config.network, **self.parts())  # type: ignore[arg-type]
        network.training = self.training
        return network

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple[Tensor, ...] | None = None,
        cache: DecodingCache | None = None,
        past_key_values: DecodingCache | None = None,
        labels: Tensor | None = None,
        target_language: Tensor | None = None,
        use_cache: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
        skip_logits: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Seq2SeqLMOutput | tuple[Any, ...]:
        """Logits of the next target tokens, and the loss of `labels`.

        Args:
            input_ids: Source between its special tokens, padded on the right.
            decoder_input_ids: Target in front of each prediction; made from `labels` when absent.
            labels: Tokens to predict, -100 where none.
            target_language: Row of each sentence's target language, `config.network.target_row(code)`; for
                many-to-many models, and only for them.
            cache: What an earlier call with `use_cache` returned; `decoder_input_ids` then holds new tokens only.
                `generate` asks for one; a call without gives the numbers of `EncoderDecoder` to the last bit.
            past_key_values: The same, as transformers called it before 5.24.
            num_items_in_batch: What the summed loss is divided by; the number of labels here when absent.
            skip_logits: Return the loss alone, as with 250,000 words the logits are the larger part of a step's memory.
                When absent: in training, if there are labels.

        Shape:
            input_ids: (B, S)    decoder_input_ids, labels: (B, T)    target_language: (B,)    logits: (B, T, V)

        Raises:
            UserError: Padding on the left, or an argument that ours does not have.
        """
        refuse(others)
        network = self.network
        encoded = self._encoded(input_ids, attention_mask, target_language, encoder_outputs, output_hidden_states)
        memory = Memory(encoded.last_hidden_state, self._memory_mask(encoded, input_ids, attention_mask))
        tokens = self._decoder_tokens(decoder_input_ids, decoder_attention_mask, labels)
        past = past_key_values if cache is None else cache
        if past is None and use_cache:
            past = DecodingCache(network.new_cache())
        if past is not None and not isinstance(past, DecodingCache):
            raise UserError(f"an anyglot model keeps its past in a DecodingCache, not in a {type(past).__name__}.")
        decoded = network.decoder(
            tokens, memory, cache=None if past is None else past.own, keep_states=bool(output_hidden_states)
        )
        loss = None
        if labels is not None:
            loss = mean_loss(decoded.last, network.output, labels, num_items_in_batch)
        skip = self.training and labels is not None if skip_logits is None else skip_logits
        result = Seq2SeqLMOutput(
            loss=loss,
            logits=None if skip else all_logits(network.output, decoded.last),
            **{PAST: past},
            decoder_hidden_states=decoded.states,
            encoder_last_hidden_state=encoded.last_hidden_state,
            encoder_hidden_states=encoded.hidden_states,
        )
        wanted = self.config.return_dict if return_dict is None else return_dict
        return result if wanted else result.to_tuple()

    def get_encoder(self, modality: str | None = None) -> SourceEncoder:
        """What turns source tokens into the states that the decoder attends to."""
        return SourceEncoder(self)

    def get_input_embeddings(self) -> nn.Embedding:
        """The encoder's token table; the decoder's and the output matrix too where they are shared."""
        table: nn.Embedding = self.encoder.embeddings.tokens
        return table

    def get_output_embeddings(self) -> nn.Module:
        """The output projection."""
        output: nn.Module = self.output
        return output

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """The start token, then all labels but the last: (B, T) -> (B, T). The Trainer's collator calls it."""
        network = self.config.network
        shifted = labels.new_full(labels.shape, network.start_id)
        shifted[:, 1:] = labels[:, :-1]
        filled: Tensor = shifted.masked_fill(shifted == IGNORED, network.padding_id)
        return filled

    def adjust_generation_fn(self, generation_config: GenerationConfig | None, *arguments: Any, **options: Any) -> None:
        """Take the generation settings given or those of the folder; one that brings none gets `search_settings`."""
        own = self.generation_config
        super().adjust_generation_fn(generation_config, *arguments, **options)
        if self.generation_config.decoder_start_token_id is None:
            self.generation_config = own

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False  # `forward` makes the cache: see DecodingCache

    def _encoded(
        self,
        tokens: Tensor | None,
        mask: Tensor | None,
        target_language: Tensor | None,
        known: BaseModelOutput | tuple[Tensor, ...] | None,
        keep_states: bool | None,
    ) -> BaseModelOutput:
        if known is not None:
            return known if isinstance(known, BaseModelOutput) else BaseModelOutput(*known)
        if tokens is None:
            raise UserError("an anyglot model wants 'input_ids', or the 'encoder_outputs' of an earlier call.")
        encoded: BaseModelOutput = self.get_encoder()(tokens, mask, target_language, output_hidden_states=keep_states)
        return encoded

    def _memory_mask(self, encoded: BaseModelOutput, tokens: Tensor | None, mask: Tensor | None) -> Tensor:
        if mask is not None:
            return mask.bool()
        if tokens is not None:
            known: Tensor = tokens != self.config.network.padding_id
            return known
        states: Tensor = encoded.last_hidden_state
        return states.new_ones(states.shape[:2], dtype=torch.bool)

    def _decoder_tokens(self, tokens: Tensor | None, mask: Tensor | None, labels: Tensor | None) -> Tensor:
        if mask is not None:
            bool_mask(mask, mask, 0)  # padding on the right is hidden by causality; elsewhere it is refused
        if tokens is not None:
            return tokens
        if labels is None:
            raise UserError("an anyglot model wants 'decoder_input_ids' or 'labels' beside the source.")
        return self.prepare_decoder_input_ids_from_labels(labels)


def all_logits(output: OutputProjection, hidden: Tensor) -> Tensor:
    """Logits by token id; minus infinity for tokens that a restricted output does not have: (..., D) -> (..., V)."""
    logits: Tensor = output(hidden)
    return logits if output.rows is None else output.rows.spread(logits)

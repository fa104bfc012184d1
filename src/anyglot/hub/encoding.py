"""An encoder of this package as a transformers model: states, and masked-language logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling, MaskedLMOutput

from anyglot.errors import UserError
from anyglot.hub.configuration import AnyglotEncoderConfig
from anyglot.hub.shell import Shell, bool_mask, mean_loss, refuse
from anyglot.models.encoder import Encoder
from anyglot.nn.stack import StackOutput


class _EncoderShell(Shell):
    config: AnyglotEncoderConfig
    config_class = AnyglotEncoderConfig

    @property
    def network(self) -> Encoder:
        """The parts as this package's encoder: not a copy."""
        parts: dict[str, Any] = {"head": None, "pooler": None, **self.parts()}
        network = Encoder(self.config.network, **parts)
        network.training = self.training
        return network

    def get_input_embeddings(self) -> nn.Embedding:
        """The token table."""
        table: nn.Embedding = self.embeddings.tokens
        return table

    def _encode(self, tokens: Tensor, mask: Tensor | None, keep_states: bool | None) -> StackOutput:
        network = self.network
        known = bool_mask(tokens, mask, network.config.padding_id)
        encoded: StackOutput = network(tokens, known, keep_states=bool(keep_states))
        return encoded


class AnyglotModel(_EncoderShell):
    """AutoModel of an encoder of this package."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> BaseModelOutputWithPooling | tuple[Any, ...]:
        """The states of each token, and the pooled one where the model has a pooler.

        Shape:
            input_ids, attention_mask: (B, S)    last_hidden_state: (B, S, D)    pooler_output: (B, D) or None
        """
        refuse(others)
        encoded = self._encode(input_ids, attention_mask, output_hidden_states)
        pooler = self.network.pooler
        result = BaseModelOutputWithPooling(
            last_hidden_state=encoded.last,
            pooler_output=None if pooler is None else pooler(encoded.last),
            hidden_states=encoded.states,
        )
        wanted = self.config.return_dict if return_dict is None else return_dict
        return result if wanted else result.to_tuple()


class AnyglotForMaskedLM(_EncoderShell):
    """AutoModelForMaskedLM of an encoder of this package that has its language head.

    Raises:
        UserError: The model has no language head.
    """

    def __init__(self, config: AnyglotEncoderConfig, network: Encoder | None = None) -> None:
        if not config.network.language_head:
            raise UserError("this encoder has no masked-language head: open it with AutoModel.")
        super().__init__(config, network)

    def get_output_embeddings(self) -> nn.Module:
        """The output projection of the head."""
        output: nn.Module = self.head.output
        return output

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        skip_logits: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> MaskedLMOutput | tuple[Any, ...]:
        """Logits of the token at every position, and the loss of `labels`; arguments as of the translation model.

        Shape:
            input_ids, attention_mask, labels: (B, S)    logits: (B, S, V)
        """
        refuse(others)
        encoded = self._encode(input_ids, attention_mask, output_hidden_states)
        head = self.network.head
        assert head is not None
        hidden = head.transform(encoded.last)
        skip = self.training and labels is not None if skip_logits is None else skip_logits
        result = MaskedLMOutput(
            loss=None if labels is None else mean_loss(hidden, head.output, labels, num_items_in_batch),
            logits=None if skip else head.output(hidden),
            hidden_states=encoded.states,
        )
        wanted = self.config.return_dict if return_dict is None else return_dict
        return result if wanted else result.to_tuple()

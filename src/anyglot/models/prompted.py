"""A frozen encoder made a generator by prompts: the one stack encodes, aligns and denoises (SGA, figure 2).

| paper (SGA)                 | here                                    |
|-----------------------------|-----------------------------------------|
| eq. 1, semantic encoding    | `PromptedEncoder.read`, first half      |
| eq. 2, W_K and W_V          | `PromptedEncoder.read`, second half     |
| eq. 3 and 4, alignment      | `PromptedEncoder.align`                 |
| eq. 5 and 6, denoising      | `PromptedEncoder.denoise`               |
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anyglot.models.config import PromptedEncoderConfig
from anyglot.models.encoder import Encoder
from anyglot.nn.cache import split_heads
from anyglot.nn.heads import MaskedLanguageHead, OutputProjection
from anyglot.nn.masks import padding_mask
from anyglot.nn.prefix import Prefix
from anyglot.nn.prompt import Prompt, joined_prefixes


@dataclass(frozen=True)
class SourceMemory:
    """A source as the canvas sees it: keys and values in front of those of every block (SGA eq. 2).

    Shape:
        prefixes: L times keys and values (B, H, S, D / H), mask (B, S)    first: (B, D), the last state of `<s>`
        mask: (B, S), real tokens    chosen: (B,) or None, the prompt set of each row
    """

    prefixes: tuple[Prefix, ...]
    first: Tensor
    mask: Tensor
    chosen: Tensor | None

    def keep(self, rows: Tensor) -> SourceMemory:
        """These sources alone, (n,) int64 into the rows."""
        prefixes = tuple(
            Prefix(part.keys[rows], part.values[rows], None if part.mask is None else part.mask[rows])
            for part in self.prefixes
        )
        chosen = self.chosen if self.chosen is None or len(self.chosen) == 1 else self.chosen[rows]
        return SourceMemory(prefixes, self.first[rows], self.mask[rows], chosen)


class PromptedEncoder(nn.Module):
    """An encoder, prompts for its two or three uses, and what turns source states into keys and values.

    The encoder is not changed; prompts and the two projections are all that trains (8,259,075 values over XLM-R base,
    20,973,571 over large, with 128 positions).

    Args:
        encoder: With a language head.
        prompts: By use: "encode", "align" and, perhaps, "denoise".
        source_key, source_value: W_K and W_V, shared by all layers and uses (method card 3.1).
        length: Predicts the length of free generation from the first source state, (..., D) -> (..., classes), or None.
    """

    def __init__(
        self,
        config: PromptedEncoderConfig,
        *,
        encoder: Encoder,
        prompts: dict[str, Prompt],
        source_key: nn.Linear,
        source_value: nn.Linear,
        length: nn.Linear | None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.prompts = nn.ModuleDict(prompts)
        self.source_key = source_key
        self.source_value = source_value
        self.length = length
        self.batch_invariant = False
        self.number_format: torch.dtype | None = None

    @property
    def head(self) -> MaskedLanguageHead:
        """What writes: the encoder's own language head."""
        assert self.encoder.head is not None  # the config's own check
        return self.encoder.head

    @property
    def output(self) -> OutputProjection:
        """The rows a position is read off by."""
        return self.head.output

    def read(self, source: Tensor, source_mask: Tensor, chosen: Tensor | None = None) -> SourceMemory:
        """Encode the source and project its states of every layer (eq. 1 and 2).

        The state after block l stands in front of block l. Of a pre-norm stack the final norm goes over every state
        first, as it does over the last: what comes out of such a block has no scale of its own.

        Args:
            chosen: The prompt set of each row; None: the first.

        Shape:
            source: (B, S) int64, `<s> x </s>`    source_mask: (B, S) bool    chosen: (B,) int64, or (1,) for all rows
        """
        mask = source_mask
        if not self.config.source_end:
            # One position less in every row: the last one, `</s>`, is real no more.
            source, mask = source[:, :-1], source_mask[:, 1:]
        stack = self.encoder.stack
        prompt = self._prompt("encode", chosen)
        out = stack(self.encoder.embeddings(source), mask=padding_mask(mask), prefixes=prompt, keep_states=True)
        states = torch.stack(out.states[1:])
        if stack.final_norm is not None:
            states = torch.cat([stack.final_norm(states[:-1]), states[-1:]])
        heads = self._prompt_of("encode").heads
        seen = mask if self.config.mask_source_padding or not self.training else torch.ones_like(mask)
        keys, values = self.source_key(states), self.source_value(states)
        if self.number_format is not None:
            keys, values = keys.to(self.number_format), values.to(self.number_format)
        prefixes = tuple(
            Prefix(split_heads(key, heads), split_heads(value, heads), seen)
            for key, value in zip(keys, values, strict=True)
        )
        return SourceMemory(prefixes, out.last[:, 0], mask, chosen)

    def align(self, canvas: Tensor, mask: Tensor, memory: SourceMemory, at: Tensor | None = None) -> Tensor:
        """Write on a canvas of mask tokens, all positions at once (eq. 3 and 4).

        Args:
            at: The positions that are asked for, real ones; None: all real ones.

        Shape:
            canvas: (B, T) int64    mask, at: (B, T) bool    returns: (R, D), what the output matrix is multiplied with
                at the R positions asked for, row by row
        """
        return self._write("align", canvas, mask, memory, at)

    def denoise(self, tokens: Tensor, mask: Tensor, memory: SourceMemory) -> Tensor:
        """Write again over what was written (eq. 5 and 6); shapes as in `align`."""
        return self._write("denoise", tokens, mask, memory)

    def canvas(self, memory: SourceMemory) -> tuple[Tensor, Tensor]:
        """An empty canvas for every source: mask tokens, and which positions are real; both (B, T).

        Each is `factor` times as long as its own source, so that it does not depend on the batch; see
        `CanvasConfig.of_batch`.
        """
        settings = self.config.canvas
        lengths = memory.mask.sum(dim=1) * settings.factor
        longest = int(lengths.max())
        if settings.of_batch:
            lengths = torch.full_like(lengths, longest)
        mask = torch.arange(longest, device=lengths.device) < lengths[:, None]
        return torch.where(mask, settings.mask_id, self.config.encoder.padding_id), mask

    def length_logits(self, memory: SourceMemory) -> Tensor:
        """Logits of the length of a free canvas, (B, classes); class n is a canvas of n positions.

        Raises:
            ValueError: The model has no length head.
        """
        if self.length is None:
            raise ValueError("the model does not predict lengths; build it with length_classes.")
        logits: Tensor = self.length(memory.first)
        return logits

    def framed_canvas(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Canvases of known lengths, `<s> <mask> ... </s>`, and which positions are real: (B,) int64 -> (B, T) both."""
        settings = self.config.canvas
        places = torch.arange(int(lengths.max()), device=lengths.device)
        mask, ends = places < lengths[:, None], lengths[:, None] - 1
        tokens = torch.where(mask, settings.mask_id, self.config.encoder.padding_id)
        tokens = torch.where(places == 0, settings.begin_id, tokens)
        return torch.where(places == ends, settings.end_id, tokens), mask

    def next_input(self, best: Tensor, mask: Tensor) -> Tensor:
        """What the denoiser reads after `best` was written: the uncollapsed best tokens, something else for blanks.

        Shape:
            best: (R, 2) int64, the two likeliest rows of the output at each real position    mask: (B, T) bool
            returns: (B, T) int64, ids of the table
        """
        best = best if self.output.rows is None else self.output.rows.full(best)
        settings, first = self.config.canvas, best[:, 0]
        instead = {
            "second_best": best[:, 1],
            "blank": first,
            "mask": torch.full_like(first, settings.mask_id),
        }[self.config.blank_input]
        tokens = torch.full(mask.shape, self.config.encoder.padding_id, dtype=torch.int64, device=mask.device)
        tokens[mask] = torch.where(first == settings.blank_id, instead, first)
        return tokens

    def precompute(self, number_format: torch.dtype | None) -> None:
        """Make ready what does not change any more once training is over: the prompts' keys and values.

        Args:
            number_format: What keys and values are rounded to, as those of `Attention`; None: they stay as they are.
        """
        self.number_format = number_format
        for use in self.prompts:
            self._prompt_of(use).precompute(number_format)

    def forward(self, source: Tensor, source_mask: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Read and align: (R, D) as in `align`."""
        memory = self.read(source, source_mask, chosen)
        return self.align(*self.canvas(memory), memory)

    def _write(self, use: str, tokens: Tensor, mask: Tensor, memory: SourceMemory, at: Tensor | None = None) -> Tensor:
        prefixes = tuple(
            joined_prefixes(source, prompt, len(tokens))
            for source, prompt in zip(memory.prefixes, self._prompt(use, memory.chosen), strict=True)
        )
        hidden = self.encoder.stack(self.encoder.embeddings(tokens), mask=padding_mask(mask), prefixes=prefixes).last
        return self.head.transform(hidden[mask if at is None else at])

    def _prompt(self, use: str, chosen: Tensor | None) -> tuple[Prefix, ...]:
        prefixes: tuple[Prefix, ...] = self._prompt_of(use)(chosen)
        return prefixes

    def _prompt_of(self, use: str) -> Prompt:
        if use not in self.prompts:
            raise ValueError(f"the model has no prompt to {use} with; build it with denoise=True.")
        prompt = self.prompts[use]
        assert isinstance(prompt, Prompt)
        return prompt

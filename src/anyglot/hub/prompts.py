"""The prompts of a model alone, as a folder that makes a translator of any copy of their encoder."""

from __future__ import annotations

from pathlib import Path

from anyglot.hub.export import refuse_existing
from anyglot.inference.translation.loading import write_prompts
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.prompt_files import SavedPrompts, load_prompts
from anyglot.runtime.files import whole_folder


def export_prompts(name_or_folder: str, out: Path) -> SavedPrompts:
    """Write the prompts of a model, and the languages they were trained for.

    Returns:
        What was written, read back.

    Raises:
        UserError: The model is not an encoder with prompts, or `out` exists or cannot be written.
    """
    refuse_existing(out)
    with whole_folder(out) as folder:
        write_prompts(local_folder(name_or_folder), folder, name_or_folder)
    return load_prompts(out)

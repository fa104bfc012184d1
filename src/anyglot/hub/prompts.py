"""The prompts of a model alone, as a folder that makes a translator of any copy of their encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

from anyglot.errors import UserError
from anyglot.hub.export import refuse_existing
from anyglot.models.pretrained.load import load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.prompt_files import SavedPrompts, load_prompts, save_prompts
from anyglot.models.prompted import PromptedEncoder
from anyglot.runtime.files import whole_folder
from anyglot.text.templates import LANGUAGES


def export_prompts(name_or_folder: str, out: Path) -> SavedPrompts:
    """Write the prompts of a model, and the languages they were trained for.

    Returns:
        What was written, read back.

    Raises:
        UserError: The model is not an encoder with prompts, or `out` exists or cannot be written.
    """
    refuse_existing(out)
    start = local_folder(name_or_folder)
    model = load_pretrained(start)
    if not isinstance(model, PromptedEncoder):
        raise UserError(
            f"{name_or_folder} is not made by prompts over an encoder (method sga), so it has none to write."
        )
    with whole_folder(out) as folder:
        save_prompts(model, folder)
        if (start / LANGUAGES).is_file():
            shutil.copyfile(start / LANGUAGES, folder / LANGUAGES)
    return load_prompts(out)

"""Hugging Face data sets as a source of text: `hf:owner/name?config=..&split=..` or a local folder."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from anyglot.errors import UserError
from anyglot.text.readers import pick

PREFIX = "hf:"
_OPTIONS = ("config", "split", "revision")


def parse_address(address: str) -> tuple[str, dict[str, str]]:
    """Split `hf:owner/name?config=..&split=..` into the name and its options (`split` is `train` if not given).

    Raises:
        UserError: No name, or an option other than config, split and revision.
    """
    name, _, query = address.removeprefix(PREFIX).partition("?")
    if not name:
        raise UserError(f"{address!r} names no data set; write hf:owner/name?config=..&split=.. or hf:folder.")
    options = dict(parse_qsl(query, keep_blank_values=True))
    for option, value in options.items():
        if option not in _OPTIONS or not value:
            raise UserError(
                f"{address!r}: {option}={value!r} is not understood; the options are config, split, revision."
            )
    return name, {"split": "train", **options}


def read_dataset(address: str, fields: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The given fields of every record of a data set; dots reach into nested fields (`translation.de`).

    Raises:
        UserError: The data set cannot be loaded, or lacks a field.
    """
    records = _load(address)
    for number, record in enumerate(records):
        yield tuple(pick(record, field, f"{address} record {number}") for field in fields)


def field_exists(address: str, field: str) -> bool:
    """Whether the data set has a field, which may be nested (`translation.de`)."""
    features: Any = _load(address).features
    for part in field.split("."):
        if part == field.split(".")[-1] and hasattr(features, "languages"):
            return part in features.languages
        if not isinstance(features, dict) or part not in features:
            return False
        features = features[part]
    return True


def datasets_library() -> ModuleType:
    """The library `datasets`, which is an extra.

    Raises:
        UserError: It is not installed.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        if error.name != "datasets":  # it is there, and lacks something itself
            raise
        raise UserError(
            "Hugging Face data sets need the library datasets, which is not installed: pip install 'anyglot[datasets]'."
        ) from None
    library: ModuleType = datasets
    return library


def _load(address: str) -> Any:
    datasets = datasets_library()
    name, options = parse_address(address)
    folder = Path(name).expanduser()
    try:
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            loaded = datasets.load_from_disk(str(folder))
            if isinstance(loaded, datasets.DatasetDict):
                if options["split"] not in loaded:
                    raise UserError(
                        f"{address} has no split {options['split']!r}; it has {', '.join(map(str, loaded))}."
                    )
                loaded = loaded[options["split"]]
            return loaded
        where = str(folder) if folder.exists() else name
        revision = options.get("revision")
        return datasets.load_dataset(where, options.get("config"), split=options["split"], revision=revision)
    except UserError:
        raise
    except Exception as error:  # the library raises dozens of kinds: network, parsing, names, splits
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"Cannot load the data set {address}: {reason}") from error

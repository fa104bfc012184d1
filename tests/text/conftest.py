from support.tokenizer_fixtures import learnt_text, tokenizer, tokenizer_folder  # noqa: F401

"""Pure torch bricks; they know no method, no file and no Hugging Face. Masks are bool, True = may be attended to."""

"""The one exception for what a user can put right."""


class UserError(Exception):
    """A mistake of the user's: one clear sentence that says what is wrong, what was found and what to do.

    The command line prints the sentence without a traceback and exits with code 2.
    """

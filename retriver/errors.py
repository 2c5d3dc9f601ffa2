"""What goes wrong when passages are looked for."""

from __future__ import annotations

from utils.core.console import UserError


class SearchError(UserError):
    """A search was not answered.

    `retryable`: asking again may help; `fatal`: no other search would be answered either.
    """

    def __init__(self, message: str, retryable: bool = False, fatal: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.fatal = fatal

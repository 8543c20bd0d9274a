"""Errors, in one tree; each message says what is right and what to do next.

    IocError                 exit code 1: a check failed or something was refused
    ├── UsageError           exit code 2: the command, a setting or a file given by the user is wrong
    │   └── DeclarationError a stream, an indicator or a contract is declared wrongly (`ioc check`)
    └── ServiceAway          exit code 3: broker, store or gateway cannot be reached
    ForeignLog, WrongGeneration (IocError): the worker refuses to count and names the way out

A bad event is never an exception: it is a reject, a value with reason, field and coordinates.
"""

from __future__ import annotations


class IocError(Exception):
    """Something was refused or a check failed."""

    exit_code = 1


class UsageError(IocError):
    """The command line, a setting or a user's file is wrong; the message names it and what is right."""

    exit_code = 2


class DeclarationError(UsageError):
    """A declaration contradicts itself or names what does not exist."""


class ServiceAway(IocError):
    """A service the command needs cannot be reached."""

    exit_code = 3


class ForeignLog(IocError):
    """The topic is not the log that was counted (re-created, truncated, or records were removed).

    `acceptable`: a person may go on all the same (`ioc doctor --accept-gap`).
    """

    def __init__(self, message: str, *, acceptable: bool = False) -> None:
        super().__init__(message)
        self.acceptable = acceptable


class WrongGeneration(IocError):
    """The store was counted under other declarations than this program's."""

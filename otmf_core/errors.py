"""The two ways in which a merge ends early without being a bug."""


class InputError(ValueError):
    """Input the user can correct: one sentence with the rule, the value received and where it came from."""


class Interrupted(Exception):
    """The run was stopped on request, after everything needed to resume it was written."""

    def __init__(self, message: str, iteration: int = 0) -> None:
        super().__init__(message)
        self.iteration = iteration  # how many iterations of the unfinished fusion were done

"""What the judge finds, in words that say what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

Json = dict[str, Any]
Severity = Literal["fatal", "error", "warning", "information"]
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `code` is of https://hl7.org/fhir/R4/valueset-issue-type.html, `expression` the FHIRPath of the element."""

    severity: Severity
    code: str
    expression: str
    what: str
    remedy: str = ""

    def document(self) -> Json:
        """As `OperationOutcome.issue`, elements in the order of the specification."""
        told: Json = {"severity": self.severity, "code": self.code, "details": {"text": self.what}}
        told["diagnostics"] = f"{self.what} {self.remedy}".strip()
        if self.expression:
            told["expression"] = [self.expression]
        return told

    def __str__(self) -> str:
        return f"{self.severity} {self.expression}: {self.what}"


class Findings:
    """Collects issues, at most `_MOST` of them: a resource with thousands of faults is told of the first ones, and that there are more."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []

    def add(self, issue: Issue) -> None:
        """Keep an issue, unless the same was found before."""
        if len(self._issues) > _MOST or issue in self._issues:
            return
        if len(self._issues) == _MOST:
            more = f"There are more than {_MOST} faults; the others are not listed."
            issue = Issue("information", "too-costly", "", more, "Mend these and send it again.")
        self._issues.append(issue)

    def error(self, code: str, expression: str, what: str, remedy: str = "") -> None:
        """Something that makes the resource unacceptable."""
        self.add(Issue("error", code, expression, what, remedy))

    def warning(self, code: str, expression: str, what: str, remedy: str = "") -> None:
        """Something that is probably wrong, but does not make the resource unacceptable."""
        self.add(Issue("warning", code, expression, what, remedy))

    @property
    def full(self) -> bool:
        """Whether nothing more is kept."""
        return len(self._issues) > _MOST

    @property
    def failed(self) -> bool:
        """Whether anything found so far is an error."""
        return is_refused(self._issues)

    def all(self) -> list[Issue]:
        """What was found, in the order in which it was."""
        return list(self._issues)


def is_refused(issues: Iterable[Issue]) -> bool:
    """Whether a resource with these issues is not accepted: an error or worse is among them."""
    return any(issue.severity in ("fatal", "error") for issue in issues)


def shown(value: Any) -> str:
    """A value as it is quoted in a message, at most eighty characters of it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

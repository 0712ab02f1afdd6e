"""`$validate`: a dry run of what comes in. https://hl7.org/fhir/R4/resource-operation-validate.html

First the judge; of what it passes, what sending in would refuse or not keep. The mode `profile` asks the judge alone.
The resource is the body itself, or the parameter `resource` of a Parameters. The answer is an OperationOutcome with status 200, whatever the verdict;
an error status means that there was nothing to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import flask

import hub
from plugins.fhir import outcome
from plugins.fhir.bodies import read_body
from plugins.fhir.feed.routes import tried
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import FORM, refuse_unknown
from plugins.fhir.refusing import invalid

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
_TAKES: Final = ("profile", "mode", *FORM)
_MODES: Final = ("create", "update", "delete", "profile")
_NOTHING_TO_TRY: Final = (
    "a DELETE cannot be tried beforehand: it takes back what you sent in yourself, and says of nothing else whether it is here. Send it; it removes nothing for "
    "good. To judge a resource, leave mode out."
)


def add_routes(blueprint: flask.Blueprint, answer: Answer) -> None:
    """`/$validate` for any resource, `/<Type>/$validate` and `/<Type>/<id>/$validate` for one of that type."""

    @blueprint.post("/$validate")
    def validate_any() -> flask.Response:
        return answer(_validate("", ""))

    @blueprint.post("/<any({}):type>/$validate".format(",".join(RESOURCES)))
    def validate_type(type: str) -> flask.Response:
        return answer(_validate(type, ""))

    @blueprint.post("/<any({}):type>/<id>/$validate".format(",".join(RESOURCES)))
    def validate_instance(type: str, id: str) -> flask.Response:
        return answer(_validate(type, id))


def _validate(type_name: str, id: str) -> Json:
    # Here and not above: the models of FHIR take a while to load, and reading needs none of them.
    from plugins.fhir.judge import PROFILES, is_profile, is_refused, judge

    refuse_unknown(_TAKES)
    if flask.request.args.get("mode") == "delete":  # which needs no body
        raise invalid("mode", _NOTHING_TO_TRY, "delete")
    sent = read_body()
    resource, profiles, mode = _asked(sent)
    for profile in profiles:
        if not is_profile(profile):
            known = ", ".join((*sorted(PROFILES), "those of R4 itself (http://hl7.org/fhir/StructureDefinition/<Type>)"))
            raise invalid("profile", f"this profile is not known here; there are {known}.", profile)
    if mode not in ("", *_MODES):
        raise invalid("mode", f"there are {', '.join(_MODES)}.", mode)
    if mode == "delete":
        raise invalid("mode", _NOTHING_TO_TRY, mode)
    named = resource.get("resourceType") if isinstance(resource, dict) else None
    if type_name and named is not None and named != type_name:
        raise invalid(
            "resource",
            f"this address judges a resource of type {type_name}; send it to /$validate or to its own type.",
            str(named),
        )
    if id and isinstance(resource, dict) and resource.get("id") != id:
        raise invalid("resource", f"the resource must have the id {id} of the address.", str(resource.get("id", "")))
    asked = hub.directory()
    issues = judge(resource, profiles, asked.concepts())
    told = [issue.document() for issue in issues]
    if not is_refused(issues) and mode != "profile":
        told += tried(resource, asked)
    if all(each["severity"] not in ("fatal", "error") for each in told):
        text = "Nothing is wrong with it." if not told else "It is acceptable; there are remarks."
        told.append(outcome.issue("information", "informational", text))
    return outcome.document(told)


def _asked(sent: Any) -> tuple[Any, list[str], str]:
    """The resource to judge, the profiles and the mode, from the body and from the address."""
    args = flask.request.args
    profiles, mode = args.getlist("profile"), args.get("mode", "")
    if not isinstance(sent, dict) or sent.get("resourceType") != "Parameters":
        return sent, profiles, mode
    given = sent.get("parameter")
    parameters = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    resources = [each["resource"] for each in parameters if each.get("name") == "resource" and "resource" in each]
    if len(resources) != 1:
        # A Parameters that is itself to be judged has no parameter of that name.
        if not resources and not any(each.get("name") in ("mode", "profile") for each in parameters):
            return sent, profiles, mode
        raise invalid("resource", "give exactly one parameter resource, with the resource to judge.", "")
    for each in parameters:
        name = each.get("name")
        value = next((each[key] for key in each if key.startswith("value")), None)
        if name == "profile" and isinstance(value, str):
            profiles.append(value)
        elif name == "mode" and isinstance(value, str):
            mode = value
        elif name in ("profile", "mode"):
            raise invalid(str(name), "its value must be a text: valueUri or valueCode.", "")
    return resources[0], profiles, mode

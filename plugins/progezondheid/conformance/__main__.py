"""Does a system keep the contract of ProGezondheid? Asked requirement by requirement, of any address; for the day that access is given.

    python -m plugins.progezondheid.conformance --base-url https://… --token … [--propose NIHDI8] [--json]

Reading writes nothing. With `--propose`, proposals about that caregiver's languages are made and withdrawn again, so name one whom you may propose
about. Every verdict comes with the requests and answers that it was given on; the token is in none of them. The exit code is 1 when something fails,
and 2 when nothing could be tried because nobody answers.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

import orjson

from plugins.progezondheid.conformance import REQUIREMENTS, Asking, Unreached, Verdict, run


def main(arguments: list[str] | None = None) -> int:
    """The command; the answer is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m plugins.progezondheid.conformance", description="Does a system keep the contract?")
    parser.add_argument("--base-url", required=True, help="the address above /providers")
    parser.add_argument("--token", required=True, help="bearer token; - reads it from standard input")
    parser.add_argument("--propose", metavar="NIHDI8", help="a caregiver about whom proposals may be made (and are withdrawn)")
    parser.add_argument("--only", nargs="*", default=[], choices=[*REQUIREMENTS], metavar="ID", help="only these requirements")
    parser.add_argument("--json", action="store_true", help="answer in JSON, with every request and answer")
    parser.add_argument("--all", action="store_true", help="show requests and answers of what passed, too")
    given = parser.parse_args(arguments)
    token = sys.stdin.readline().strip() if given.token == "-" else given.token  # noqa: S105 - a dash is none
    asking = Asking(given.base_url, token, given.propose)
    verdicts = []
    try:
        for verdict in run(asking, given.only):
            verdicts.append(verdict)
            if not given.json:
                _show(verdict, exchanges=given.all or verdict.outcome == "fail")
    except Unreached as unreached:
        print(unreached, file=sys.stderr)
        return 2
    if given.json:
        print(orjson.dumps([asdict(one) for one in verdicts], option=orjson.OPT_INDENT_2).decode())
    else:
        counts = {outcome: sum(one.outcome == outcome for one in verdicts) for outcome in ("pass", "fail", "skipped")}
        print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if any(one.outcome == "fail" for one in verdicts) else 0


def _show(verdict: Verdict, *, exchanges: bool) -> None:
    print(f"{verdict.outcome:8}{verdict.id:4} {verdict.requirement}", flush=True)
    if verdict.detail:
        print(f"             {verdict.detail}")
    for one in verdict.exchanges if exchanges else ():
        print(f"               {one.request} {one.sent}\n               -> {one.status} {dict(one.headers)} {one.answer}")


if __name__ == "__main__":
    sys.exit(main())

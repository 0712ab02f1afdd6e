"""Take out one guard at a time and see the test that is meant for it fail: proof that the promises of docs/reliability.md are tested.

    python scripts/mutants.py [NAME ...]

Each mutant is a small change to a copy of the tree; the named test must pass without it and fail with it. Ends with exit code 1 when one survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("hub", "plugins", "tests", "benchmarks", "scripts", "pyproject.toml", "Makefile", "README.md", "docs")


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `file`, `old` (which stands there once) becomes `new`; `test` must notice."""

    name: str
    promise: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "remembers-the-erased",
        "an erasure empties the memory of every process at its next look",
        "hub/store/store.py",
        "            for forget in (self.projected.cache_clear, *self._forgetting):",
        "            for forget in self._forgetting:",
        "tests/directory/test_snapshots.py::test_an_erasure_by_another_process_empties_what_this_one_remembers",
    ),
    Mutant(
        "page-of-before",
        "a page from before an erasure leaves nothing in memory behind it",
        "hub/entities.py",
        "                if store.erasures != self._erasures:",
        "                if store.erasures < self._erasures:",
        "tests/directory/test_snapshots.py::test_an_erasure_by_another_process_empties_what_this_one_remembers",
    ),
    Mutant(
        "orphans",
        "what is killed leaves no children that hold its port",
        "hub/web/lifeline.py",
        "    while _written:\n",
        "    while False:\n",
        "tests/cli/test_processes.py::test_who_is_killed_leaves_no_children_and_no_taken_port",
    ),
    Mutant(
        "machine-taken-for-a-bug",
        "a database that is away, busy or full is no bug of the connector, and the run is tried again",
        "hub/sync/run.py",
        "    fault = faults.of_machine(error)\n",
        "    fault = None\n",
        "tests/sync/test_faults.py::test_a_session_that_is_ended_in_the_middle_of_a_transaction",
    ),
    Mutant(
        "runs-for-ever",
        "how a run ended is written as soon as the database is back",
        "hub/sync/patience.py",
        "            if not pause(wait, ends):\n",
        "            if True:\n",
        "tests/sync/test_faults.py::test_a_database_that_is_away_for_some_seconds",
    ),
    Mutant(
        "held-by-nobody",
        "a lease that could not be let go of holds up nobody in the same process",
        "hub/sync/lease.py",
        "    if row.owner in _let_go:\n",
        "    if False:\n",
        "tests/sync/test_faults.py::test_an_end_that_cannot_be_written_is_let_go_of_and_the_run_is_taken_up_again",
    ),
    Mutant(
        "blames-the-letter",
        "a database that is busy counts against no delivery",
        "hub/sync/delivery.py",
        "            if faults.of_machine(error) is not None:\n",
        "            if False:\n",
        "tests/sync/outbox/test_letters.py::test_a_fault_of_the_machine_is_no_failure_of_the_letter[sqlite]",
    ),
    Mutant(
        "slot-lost",
        "a job that the machine kept from beginning comes up again in a minute",
        "hub/jobs.py",
        "            self._comes_up_again[job.key] = self._store.now() + AGAIN_AFTER\n",
        "            slots.settle(self._store, job.key, self._owner)\n",
        "tests/sync/test_faults.py::test_a_job_that_could_not_begin_comes_up_again_in_a_minute",
    ),
    Mutant(
        "short-for-ever",
        "after a run that came short of what its source announces another begins at the start by itself",
        "hub/sync/run.py",
        "    if short is not None and short.is_due(store.now()):\n",
        "    if False:\n",
        "tests/sync/test_shortfall.py::test_a_row_that_was_withheld_comes_with_the_next_run[sqlite-True]",
    ),
    Mutant(
        "short-every-time",
        "a source whose totals are never right is not read from the start in every run",
        "hub/sync/shortfall.py",
        "        return not lies_ahead(self.full_at, now, WAITS[-1])\n",
        "        return True\n",
        "tests/sync/test_shortfall.py::test_a_source_that_is_always_short_is_read_from_the_start_ever_less_often_and_its_changes_meanwhile",
    ),
    Mutant(
        "erased-rewritten",
        "a reload writes nothing of rows whose only news are persons who were erased",
        "hub/sync/erased.py",
        "    if not naming:\n",
        "    if naming:\n",
        "tests/plugins/sociale_kaart/test_whole.py::test_a_reload_after_an_erasure_is_quiet_and_says_whom_it_left_out",
    ),
    Mutant(
        "released-in-silence",
        "who released the guard against mass deletion is in the record, however the run ended",
        "hub/sync/session.py",
        '        if "reason" in changes and self.standing:\n',
        '        if "reason" in changes and not self.standing:\n',
        "tests/sync/test_guard.py::test_the_record_tells_a_release_also_when_the_run_was_stopped_halfway",
    ),
    Mutant(
        "no-byte-cap",
        "an answer that does not end is left, not taken in",
        "hub/outbound/client.py",
        "            if size > cap:\n",
        "            if size < 0:\n",
        "tests/test_outbound.py::test_too_large_an_answer_is_not_taken_in",
    ),
    Mutant(
        "follows-redirects",
        "a redirect, also to an internal address, is not followed",
        "hub/outbound/client.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/test_outbound.py::test_redirects_are_not_followed",
    ),
    Mutant(
        "unbounded-replay",
        "a replay takes no more dead letters than it may",
        "hub/sync/outbox.py",
        "            if len(found) == limit:\n",
        "            if len(found) < 0:\n",
        "tests/sync/outbox/test_letters.py::test_a_replay_takes_what_the_filters_name_and_no_more_than_it_may",
    ),
    Mutant(
        "naive-cursor",
        "the log is numbered in commit order, under a lock held to the end",
        "hub/store/changes.py",
        '    bulk.insert_numbered("change", _COLUMNS, told, _TAKE_NUMBERS, len(told), at, at)\n',
        "    from hub.store.bulk import Bulk\n    from hub.store.database import writing\n    from hub.store.opening import throwaway\n"
        "    with writing(throwaway(space.connection.engine)) as own:\n"
        "        ((last, at),) = Bulk(own).rows(_TAKE_NUMBERS, len(told), at, at)\n"
        '    bulk.insert_numbered("change", _COLUMNS, told, f"SELECT {last} + 0 * ?, \'{at}\'", len(told))\n',
        "tests/sync/test_follower.py",
    ),
    Mutant(
        "cursor-before-write",
        "the cursor commits with the rows, never before them",
        "hub/sync/pull.py",
        "        rejected, differences = session.commit(work, pace=pace, **cursors)\n",
        "        if cursors:\n            session.commit(lambda writer: (base, None), **cursors)\n"
        "        rejected, differences = session.commit(work, pace=pace)\n",
        "tests/sync/test_kill.py",
    ),
    Mutant(
        "no-origin",
        "a change is not pushed to where it came from",
        "hub/sync/push.py",
        "not_from=session.known.name)",
        "not_from=None)",
        "tests/sync/test_push.py::test_a_change_is_not_pushed_to_where_it_came_from[sqlite]",
    ),
    Mutant(
        "deletion-after-resume",
        "a pull that was resumed never removes what it did not see",
        "hub/sync/pull.py",
        "        from_start = self._cursor is None\n",
        "        from_start = self._cursor is None or self._session.report.resumed\n",
        "tests/sync/test_pull.py::test_a_resumed_run_never_removes",
    ),
    Mutant(
        "told-gone-unguarded",
        "rows that say that they are gone are under the guard",
        "hub/sync/told_gone.py",
        '        if self._session.report.mode != "full":\n            raise BeyondGuard',
        '        if self._session.report.mode != "full":\n            return frozenset()\n            raise BeyondGuard',
        "tests/sync/test_told_gone.py::test_an_increment_beyond_the_guard_looks_at_the_whole_source[sqlite]",
    ),
    Mutant(
        "list-not-taken",
        "what the list says stands, whatever the revision, when an administrator says that it is right",
        "hub/store/news.py",
        " or external_id in anew:\n",
        ":\n",
        "tests/sync/test_contest.py::test_who_was_deleted_by_mistake_comes_back_with_the_list[sqlite]",
    ),
    Mutant(
        "no-guard",
        "mass deletion needs an administrator",
        "hub/sync/guard.py",
        "    return missing <= limit(known)\n",
        "    return True\n",
        "tests/sync/test_guard.py::test_the_guard_withholds_and_is_released_once",
    ),
    Mutant(
        "no-agreed-state",
        "what both sides agreed on is not pushed again",
        "hub/sync/agreed.py",
        "        return self.said is None and _bytes(desired) in (_bytes(self.sent), _bytes(self.answer))\n",
        "        return False\n",
        "tests/sync/test_push.py::test_changes_are_pushed_once[sqlite]",
    ),
    Mutant(
        "echo-is-an-edit",
        "our own word does not come back as the partner's",
        "hub/sync/echo.py",
        "    return issubclass(kind, Sink) and (kind.read_back is not Sink.read_back or kind.own_word is not Sink.own_word)\n",
        "    return False\n",
        "tests/sync/test_echo.py",
    ),
    Mutant(
        "echo-loses-the-edit",
        "a partner that has something else than was agreed is put right",
        "hub/sync/echo.py",
        "        moved = claim.gone or not has(said, told)\n",
        "        moved = False\n",
        "tests/sync/test_machine.py",
    ),
    Mutant(
        "cursor-without-outbox",
        "the push cursor moves in the transaction that fills the outbox",
        "hub/sync/push.py",
        "        outbox.enqueue(connection, name, entries, store.now())\n",
        "        outbox.enqueue(connection, name, entries[:0], store.now())\n",
        "tests/sync/test_push.py::test_changes_are_pushed_once[sqlite]",
    ),
    Mutant(
        "one-key-for-all-letters",
        "what a partner undid is told once more under a key of its own",
        "hub/sync/delivery.py",
        "letter.change.seq, *number, desired",
        "letter.change.seq, desired",
        "tests/sync/test_echo.py::test_what_the_partner_undoes_again_is_told_under_another_key[sqlite]",
    ),
    Mutant(
        "erases-one-of-two",
        "an erasure takes everything of the fiches that were joined to the one erased",
        "hub/store/erasure.py",
        "    ids = with_moved(bulk, found)\n",
        "    ids = [one.id for one in found]\n",
        "tests/store/test_erasure.py::test_of_two_fiches_that_were_joined_both_are_erased[sqlite]",
    ),
    Mutant(
        "erases-one-of-twins",
        "an erasure takes every fiche that carries an erased key, also where a source holds them apart",
        "hub/store/erased_together.py",
        "        if not more:\n",
        "        if more or not more:\n",
        "tests/store/test_erasure.py::test_whom_a_source_holds_twice_is_erased_twice",
    ),
    Mutant(
        "masked-by-what-is-over",
        "a value that ran out before another source asked masks nothing",
        "hub/merge/lasting.py",
        '    counting = [one for one in stated if one[2].get("valid_until", latest) >= latest or owns(one[1])]\n',
        "    counting = [*stated]\n",
        "tests/merge/test_lasting.py::test_what_was_over_before_another_asked_masks_nothing_whoever_said_it",
    ),
    Mutant(
        "kept-by-a-decision",
        "what an editor decided keeps no fiche alone",
        "hub/merge/merging.py",
        "    return claim.source == EDITOR and claim.partner is None\n",
        "    return False\n",
        "tests/store/test_editing.py::test_a_fiche_goes_with_its_sources_though_an_editor_decided_something_of_it",
    ),
    Mutant(
        "one-more-than-the-guard",
        "more than fifty rows or two percent are never removed by themselves",
        "hub/sync/guard.py",
        "    return missing <= limit(known)\n",
        "    return missing <= limit(known) + 1\n",
        "tests/sync/test_guard.py::test_the_guard_lets_fifty_or_two_percent_go_and_not_one_more",
    ),
    Mutant(
        "number-used-again",
        "a process that got the number of a dead one does not hold its lease",
        "hub/sync/lease.py",
        "    return _began(process) != began\n",
        "    return False\n",
        "tests/sync/test_lease.py::test_a_process_whose_number_is_used_again_does_not_hold_the_lease_of_the_one_before",
    ),
    Mutant(
        "links-to-the-hidden",
        "a link to something that a level does not see moves nothing for it",
        "hub/store/part_changes.py",
        '        return max(own, level_of_part(document, field, part), others.get(end_of(part) or "", 0))\n',
        "        return max(own, level_of_part(document, field, part))\n",
        "tests/directory/test_hidden.py::test_a_link_to_something_hidden_moves_nothing_for_who_does_not_see_it[sqlite]",
    ),
    Mutant(
        "new-key-each-time",
        "each attempt of the same delivery has the same idempotency key",
        "hub/sync/delivery.py",
        "told = [connection, letter.change.id,",
        "told = [connection, letter.attempts, letter.change.id,",
        "tests/sync/outbox/test_keys.py::test_every_attempt_of_the_same_content_has_the_same_key[sqlite]",
    ),
    Mutant(
        "no-breaker",
        "a partner that is down is left alone",
        "hub/sync/breaker.py",
        "        if failures < FAILURES:\n",
        "        if failures < FAILURES * 1000:\n",
        "tests/sync/outbox/test_letters.py::test_the_breaker_opens_and_lets_one_probe_through[sqlite]",
    ),
    Mutant(
        "drift-unseen",
        "a lost field stops the run before it empties every fiche",
        "hub/sync/drift.py",
        "            lost = sorted(name for name in gone if _holder(name) not in gone)\n",
        "            lost: list[str] = []\n",
        "tests/sync/test_drift.py::test_a_lost_field_stops_the_run_before_anything_is_written[sqlite]",
    ),
    Mutant(
        "no-fencing",
        "who lost the lease commits nothing",
        "hub/sync/lease.py",
        "        if held.rowcount != 1:\n",
        "        if held.rowcount > 1:\n",
        "tests/sync/test_pull.py::test_who_lost_the_lease_commits_nothing[sqlite]",
    ),
    Mutant(
        "shared-scheduler",
        "each slot is done once, however many processes tick",
        "hub/jobs.py",
        "        taken = [job for job in self.due() if slots.take(self._store, job.key, self._owner)]\n",
        "        taken = self.due()\n",
        "tests/test_jobs.py::test_many_workers_do_every_slot_once",
    ),
    Mutant(
        "slot-of-the-dead",
        "what a killed process took and had not begun is done by the next one",
        "hub/sync/slots.py",
        "    return lease.is_dead(row.owner) or row.at <= to_second(now - TAKEN_FOR)\n",
        "    return False\n",
        "tests/test_jobs_after.py::test_what_a_killed_process_took_and_did_not_begin_is_done_by_the_next_at_once[sqlite]",
    ),
    Mutant(
        "slot-of-a-busy-moment",
        "a database that is busy when a run begins does not cost it its slot",
        "hub/jobs.py",
        '        if fault is not None:\n            _log.warning("job not done"',
        '        if False:\n            _log.warning("job not done"',
        "tests/test_jobs_after.py::test_a_database_that_is_away_when_a_run_begins_costs_no_slot[sqlite-busy]",
    ),
    Mutant(
        "slots-ahead",
        "what was done while the clock was ahead is done again when it comes",
        "hub/sync/slots.py",
        "    return connection.execute(delete(table).where(table.c.at > latest(now))).rowcount\n",
        "    return 0\n",
        "tests/test_jobs_clocks.py::test_slots_of_days_ahead_do_not_silence_the_hub[sqlite-False]",
    ),
    Mutant(
        "slot-begun-twice",
        "of two that took the same slot one begins it",
        "hub/sync/slots.py",
        '    if connection.execute(update(table).where(*_is(slot), table.c.owner == owner).values(owner="")).rowcount != 1:\n',
        '    if connection.execute(update(table).where(*_is(slot), table.c.owner == owner).values(owner="")).rowcount > 1:\n',
        "tests/test_jobs_after.py::test_of_two_who_took_the_same_slot_one_runs_it",
    ),
    Mutant(
        "full-in-vain",
        "a run from the start that got to no cursor is begun at the start again",
        "hub/sync/run.py",
        "            vain.begins(writer.connection, known.name, store.now())\n",
        "            pass\n",
        "tests/test_jobs_after.py::test_a_full_run_that_came_to_nothing_is_tried_again_as_one[killed]",
    ),
    Mutant(
        "release-for-more",
        "a release of the guard is good for what was shown",
        "hub/sync/guard.py",
        "    return missing <= shown + spare(shown)\n",
        "    return True\n",
        "tests/sync/test_guard.py::test_a_release_is_good_for_what_was_shown",
    ),
    Mutant(
        "waits-for-a-year",
        "a moment that was noted before the clock was put back is not waited for",
        "hub/model/moments.py",
        "    return to_second(now) < at <= latest(now, longest)\n",
        "    return to_second(now) < at\n",
        "tests/sync/test_clock.py::test_a_partner_is_not_left_alone_for_a_year",
    ),
    Mutant(
        "clock-change-twice",
        "02:30 counts once in the night that has two of them",
        "hub/sync/schedule.py",
        "            if not moment.astimezone(BELGIUM).fold or self._every_hour:\n",
        "            if True:\n",
        "tests/sync/test_schedule.py::test_once_for_each_time_on_the_wall",
    ),
    Mutant(
        "rejected-again",
        "what the owner rejected is not proposed again until our value changes",
        "plugins/progezondheid/proposing.py",
        '    return entry["state"] == "rejected" and not _once_more(entry) and difference(field, theirs, new) == difference(field, entry["old"], entry["new"])\n',
        "    return False\n",
        "tests/plugins/progezondheid/test_proposals_in_trouble.py::test_a_lost_answer_and_another_source_that_agrees",
    ),
    Mutant(
        "echo-is-theirs",
        "what the register took over from us does not become its own word",
        "plugins/progezondheid/proposing.py",
        "        if not ours or name not in said:\n",
        "        if True:\n",
        "tests/plugins/progezondheid/test_proposals.py::test_accepted_becomes_agreed_and_is_no_word_of_the_register",
    ),
    Mutant(
        "theirs-overwritten",
        "what stands in the register is never taken away by a proposal",
        "plugins/progezondheid/proposing.py",
        "    return [*kept, *(item for item in value or () if key(item) not in there)]\n",
        "    return list(value or ())\n",
        "tests/plugins/progezondheid/test_proposals.py::test_a_caregiver_who_changes_meanwhile_is_read_again",
    ),
    Mutant(
        "no-if-match",
        "nothing is overwritten that was not seen",
        "plugins/progezondheid/client.py",
        "        if answer.status in (404, 412):  # he was there when we read: that he is not says nothing about what is proposed\n",
        "        if answer.status == 412 and not tag:\n",
        "tests/plugins/progezondheid/test_proposals.py::test_a_caregiver_who_changes_meanwhile_is_read_again",
    ),
    Mutant(
        "proposal-without-key",
        "a proposal whose answer got lost is not made twice",
        "plugins/progezondheid/proposing.py",
        "    return hashlib.sha256(orjson.dumps([proposal, *taken_up], option=orjson.OPT_SORT_KEYS)).hexdigest()\n",
        "    return hashlib.sha256(orjson.dumps([id(proposal), *taken_up], option=orjson.OPT_SORT_KEYS)).hexdigest()\n",
        "tests/plugins/progezondheid/test_proposing.py::test_what_was_accepted_or_withdrawn_is_asked_again_under_another_key",
    ),
    Mutant(
        "one-key-for-two-bodies",
        "no Idempotency-Key goes with two proposals, also where only their evidence differs",
        "plugins/progezondheid/proposing.py",
        "    return hashlib.sha256(orjson.dumps([proposal, *taken_up], option=orjson.OPT_SORT_KEYS)).hexdigest()\n",
        '    return hashlib.sha256(orjson.dumps([proposal["old"], proposal["new"], *taken_up], option=orjson.OPT_SORT_KEYS)).hexdigest()\n',
        "tests/plugins/progezondheid/test_proposals_in_trouble.py::test_a_proposal_made_anew_before_we_heard_of_the_first_takes_its_place",
    ),
    Mutant(
        "withdrawn-without-looking",
        "what its owner accepts just before we withdraw it is proposed to be removed",
        "plugins/progezondheid/connector.py",
        "            if 0 in [client.withdraw(change.id, field) for field in sorted(moot)]:\n",
        "            if [client.withdraw(change.id, field) for field in sorted(moot)] and False:\n",
        "tests/plugins/progezondheid/test_proposals_in_trouble.py::test_what_is_hidden_while_its_owner_decides_is_taken_back",
    ),
    Mutant(
        "restricted-is-an-echo",
        "whoever restricts in the register what came from us has the last word",
        "plugins/progezondheid/sameness.py",
        "lambda item: (_contact_key(item), audience_of(item))",
        "lambda item: (_contact_key(item), None)",
        "tests/plugins/progezondheid/test_proposals_value_by_value.py::test_an_owner_who_shows_what_he_accepted_to_colleagues_only_has_the_last_word",
    ),
    Mutant(
        "registers-proposed",
        "what only registers say is proposed to nobody",
        "plugins/progezondheid/shaping.py",
        "    told = ((item, sorted({*sources} - _REGISTERS)) for item, sources in zip(items, voices, strict=True))\n",
        "    told = ((item, sorted({*entity.sources} - _REGISTERS)) for item, sources in zip(items, voices, strict=True))\n",
        "tests/plugins/progezondheid/test_proposals_value_by_value.py::test_what_the_register_took_out_is_not_proposed_back_when_its_row_is_rejected",
    ),
    Mutant(
        "conflict-is-a-refusal",
        "a value that met a change of the owner is asked again",
        "hub/sync/decisions.py",
        "            if sink.unsettled(stands):\n",
        "            if False:\n",
        "tests/plugins/progezondheid/test_proposals.py::test_a_value_that_changed_there_is_not_overwritten_but_asked_again",
    ),
    Mutant(
        "absent-forgets",
        "what was agreed about a caregiver is kept while he is not there",
        "plugins/progezondheid/connector.py",
        '    return {**state, "nihdi8": number, "absent": True}\n',
        '    return {"nihdi8": number, "absent": True}\n',
        "tests/plugins/progezondheid/test_proposals_in_trouble.py::test_one_wrong_answer_that_somebody_is_not_there_loses_no_change",
    ),
    Mutant(
        "refusal-stays-ours",
        "what an owner refuses to take away is his own word",
        "plugins/progezondheid/proposing.py",
        '        after["base"] = _left_to_us(str(field), entry)\n',
        "        pass\n",
        "tests/plugins/progezondheid/test_proposals_value_by_value.py::test_an_owner_who_refuses_to_drop_a_value_has_the_last_word",
    ),
    Mutant(
        "release-of-anything-sends",
        "a release of the guard is good for what was shown to be sent again",
        "hub/sync/absence.py",
        "        elif not guard.covers(shown, count):\n",
        "        elif False:\n",
        "tests/sync/test_echo.py::test_a_list_that_came_back_empty_is_told_and_sends_nothing_until_it_is_released",
    ),
    Mutant(
        "lost-answer-forgotten",
        "what the owner took over while its answer was lost is our own word, and no word of the register",
        "plugins/progezondheid/proposing.py",
        "        state = _noted_late(state, field, entry, said)\n",
        "        pass\n",
        "tests/plugins/progezondheid/test_proposals_in_trouble.py::test_what_was_accepted_while_its_answer_was_lost_stays_our_word",
    ),
    Mutant(
        "decisions-without-cursor",
        "what a partner decided is taken in once: decisions and their cursor commit together",
        "hub/sync/decisions.py",
        "        if batch[-1].cursor is not None:\n",
        "        if False:\n",
        "tests/sync/test_decisions.py::test_decisions_are_taken_in_once_from_their_cursor[sqlite]",
    ),
    Mutant(
        "for-colleagues-made-public",
        "what only colleagues may see is not proposed for the public",
        "plugins/progezondheid/connector.py",
        '        audience = "public" if self.context.level == "public" else "professionals"\n',
        '        audience = "public"\n',
        "tests/plugins/progezondheid/test_proposals.py::test_what_colleagues_may_see_is_not_for_the_public_there",
    ),
    Mutant(
        "cobrha-is-a-practice",
        "an administrative address never takes the place of a practice address",
        "plugins/progezondheid/cobrha/reading.py",
        '"practice" if kind and kind in practice_types else "administrative"',
        '"practice"',
        "tests/plugins/progezondheid/test_cobrha.py::test_an_administrative_address_never_replaces_a_practice_address",
    ),
    Mutant(
        "entities-opened",
        "a message with a document type is refused",
        "plugins/progezondheid/cobrha/reading.py",
        "    if root.getroottree().docinfo.internalDTD is not None:\n",
        "    if root is None:\n",
        "tests/plugins/progezondheid/test_cobrha.py::test_entities_are_never_opened",
    ),
    Mutant(
        "event-cursor-first",
        "a subscription's cursor commits with its events, never before them",
        "hub/subscribing/generating.py",
        "    return store.write(work), page.next < page.head\n",
        "    known = store.write(lambda writer: rows.note(writer.connection, known, cursor=page.next))\n"
        "    return store.write(work), page.next < page.head\n",
        "tests/plugins/fhir/subscriptions/test_receivers_that_fail.py::test_a_crash_between_reading_the_log_and_keeping_it_loses_and_doubles_nothing",
    ),
    Mutant(
        "told-before-taken",
        "an event counts as taken once the receiver took it, never before",
        "hub/subscribing/notifying.py",
        '            sent = self._send(known, held, directory, "event", tuple(waiting), ATTEMPTS)\n',
        '            known = self._turn(known, held, "active", "", delivered=waiting[-1].number)\n'
        '            sent = self._send(known, held, directory, "event", tuple(waiting), ATTEMPTS)\n',
        "tests/plugins/fhir/subscriptions/test_receivers_that_fail.py::test_a_receiver_that_fails_is_tried_again_given_up_and_caught_up_when_it_is_requested_again",
    ),
    Mutant(
        "subscriber-sees-all",
        "what a subscriber may not see leaves no trace in what it is told",
        "hub/subscribing/notifying.py",
        "            directory = open_directory(store, known.shown.partner)\n",
        "            from hub.model.audience import INTERNAL\n"
        "            open_directory(store, known.shown.partner)\n"
        "            directory = Directory(store, INTERNAL)\n",
        "tests/plugins/fhir/subscriptions/test_telling.py::test_what_the_subscriber_may_not_see_leaves_no_trace",
    ),
    Mutant(
        "subscriptions-unleased",
        "several workers tell each event once",
        "hub/subscribing/notifying.py",
        "            held = lease.acquire(self._store, name)\n",
        '            held = lease.acquire(self._store, f"{name} {threading.get_ident()}")\n',
        "tests/plugins/fhir/subscriptions/test_receivers_that_fail.py::test_two_workers_tell_each_event_once",
    ),
    Mutant(
        "members-forgotten",
        "what leaves a subscriber's selection is told as removed",
        "hub/subscribing/generating.py",
        "        before = set(_members(connection, known, numbers.values()))\n",
        "        before: set[int] = set()\n",
        "tests/plugins/fhir/subscriptions/test_telling.py::test_what_leaves_a_selection_is_told_as_removed_and_what_was_never_in_it_is_not_told",
    ),
    Mutant(
        "feed-for-all",
        "only a partner whose agreement has the right sends in",
        "hub/feeding.py",
        "        if grant.partner is None or RIGHT not in grant.rights:\n",
        "        if grant.partner is None:\n",
        "tests/plugins/fhir/feed/test_feed.py::test_only_an_agreement_with_the_right_may_send",
    ),
    Mutant(
        "feed-unlocked",
        "a feed cannot add to what an authentic source owns",
        "hub/feeding.py",
        "        wanted = {claim.external_id: self._unlocked(claim, locked) for claim in told}\n",
        "        wanted = {claim.external_id: claim for claim in told}\n",
        "tests/plugins/fhir/feed/test_feed.py::test_a_field_that_another_source_owns_is_told_with_owner_and_route_or_refused",
    ),
    Mutant(
        "feed-by-halves",
        "of a transaction everything is kept or nothing",
        "hub/feeding.py",
        "        if counts.rejected:\n            raise Invalid(\n",
        "        if counts.rejected and not counts.changed:\n            raise Invalid(\n",
        "tests/test_feeding.py::test_when_one_claim_cannot_be_used_nothing_of_the_transaction_is_kept[sqlite]",
    ),
    Mutant(
        "feed-revives",
        "no feed brings back somebody who was erased",
        "plugins/fhir/feed/filing.py",
        "        if plan.filed.id is None and not plan.filed.late:\n",
        "        if plan.filed.id is None and not plan.filed.late and not plan.part:\n",
        "tests/plugins/fhir/feed/test_feed.py::test_the_erased_stay_erased",
    ),
    Mutant(
        "own-hiding-ignored",
        "what a partner hides for himself stays hidden from him, also where the owner shows it",
        "hub/merge/merging.py",
        "            voices = [first, *(one for one in stated if one[1].partner is not None)]\n",
        "            voices = [first]\n",
        "tests/merge/test_merging.py::test_a_partner_hides_for_himself_also_what_the_owner_shows",
    ),
    Mutant(
        "silence-shows",
        "an owner who does not say who may see a value shows nothing that another hides",
        "hub/merge/merging.py",
        '        return owner is not None and "visibility" in owner[2]\n',
        "        return owner is not None\n",
        "tests/merge/test_spellings.py::test_the_owner_is_heard_also_by_who_leaves_something_out",
    ),
    Mutant(
        "last-change-only",
        "of two changes in one transaction whoever sees either is told",
        "hub/store/workspace.py",
        "        earlier.audience = min(earlier.audience, change.audience)\n",
        "        earlier.audience = change.audience\n",
        "tests/store/test_changes.py::test_what_is_shown_and_what_is_hidden_in_one_transaction_is_told_to_whoever_sees_either",
    ),
    Mutant(
        "spent-too-short",
        "an assertion is taken once, also in the seconds by which its clock may be late",
        "hub/access/assertions.py",
        '"expires_at": proved.expires_at + LEEWAY}\n',
        '"expires_at": proved.expires_at}\n',
        "tests/access/test_oauth.py::test_an_assertion_stays_spent_for_as_long_as_a_clock_that_is_late_may_use_it",
    ),
    Mutant(
        "erased-counts-as-gone",
        "a partner is told to remove whoever was erased, also where its list did not give the row",
        "hub/sync/agreed.py",
        'if state.answer is not None and "erased" not in state.answer and state.said is None}\n',
        "if state.answer is not None and state.said is None}\n",
        "tests/sync/test_echo.py::test_of_whoever_is_erased_the_partner_is_told_also_where_its_list_did_not_give_the_row",
    ),
    Mutant(
        "unseen-site",
        "an offer names no vestiging that the asker does not see",
        "hub/assembling.py",
        "    unseen = _unseen_sites(connection, shown, load)\n",
        "    unseen = set[str]()\n",
        "tests/directory/test_hidden.py",
    ),
    Mutant(
        "unhidden",
        "what a partner may not see never leaves",
        "hub/entities.py",
        "                elif (projected := project(stored := decode(document), grant, today)) is not None:\n",
        "                elif (projected := (stored := decode(document))) is not None:\n",
        "tests/sync/test_machine.py",
    ),
    Mutant(
        "found-by-who-has-it-not",
        "a part whose other end only one partner has is found and counted by him alone",
        "hub/store/index_terms.py",
        "entity.type, entity.partner, ABSENT)\n",
        "entity.type, entity.partner, level)\n",
        "tests/store/test_leaning.py::test_a_caregiver_whom_one_partner_has_is_found_and_counted_by_him_alone",
    ),
    Mutant(
        "told-by-a-hidden-way",
        "who does not see how two fiches hang together is not told of the one when the other changes",
        "hub/store/linking.py",
        "            level = 0 if fiche_id in start and number != fiche_id else max(to[end], how)\n",
        "            level = 0\n",
        "tests/store/test_changes.py::test_who_does_not_see_what_ties_them_hears_nothing_of_the_one_when_the_other_changes",
    ),
    Mutant(
        "echo-of-another-connection",
        "what one connection told a register is no word of the register's own for a second connection to it",
        "hub/sync/echo.py",
        "    for other in _others(session, connection):\n",
        "    for other in ():\n",
        "tests/sync/test_echo.py::test_what_one_connection_told_a_register_is_no_word_of_its_own_for_another_one",
    ),
    Mutant(
        "waits-for-a-clock-that-was-ahead",
        "what failed while a clock was less than a day ahead is tried again once it was put right",
        "hub/sync/waiting.py",
        "> latest(now):\n",
        "> latest(now) and False:\n",
        "tests/sync/outbox/test_letters.py::test_what_failed_while_the_clock_was_less_than_a_day_ahead_is_tried_once_it_was_put_right",
    ),
    Mutant(
        "a-date-for-two-states",
        "a second change within a second is seen by who asks with a date",
        "plugins/fhir/rendering.py",
        "if since.replace(microsecond=0) + timedelta(seconds=1) <= now else {}\n",
        "if since <= now else {}\n",
        "tests/plugins/fhir/test_running_out.py::test_a_second_change_within_a_second_is_seen_by_who_asks_with_a_date",
    ),
    Mutant(
        "names-hidden-fields",
        "a change of the log names no field of which the asker sees nothing",
        "hub/store/log_reading.py",
        "if level <= rank and name != OF_OTHERS)",
        "if name != OF_OTHERS)",
        "tests/store/test_log_reading.py::test_a_change_names_only_the_fields_of_which_the_asker_sees_something[sqlite]",
    ),
    Mutant(
        "hidden-later-with-less",
        "what was shown once and hidden later with something left out is told of no past",
        "hub/model/hindsight.py",
        "(newest is None or ago < newest)",
        "newest is None",
        "tests/model/test_hindsight.py::test_what_was_shown_once_is_not_told_when_it_was_hidden_later_with_something_left_out",
    ),
    Mutant(
        "heard-though-hidden",
        "a source of which somebody sees nothing is found by him nowhere",
        "hub/model/origins.py",
        ' or "field_visibility" in document:\n',
        ":\n",
        "tests/test_sources_heard.py::test_the_source_of_what_is_hidden_as_a_whole_field_is_heard_by_who_sees_that_field",
    ),
    Mutant(
        "past-of-another-partner",
        "where a part stood is told by the log of the partner who asks",
        "hub/store/log_reading.py",
        "AND (c.partner = '' OR c.partner = ?)\"\n    sql",
        "AND (c.partner = '' OR c.partner <> ?)\"\n    sql",
        "tests/test_past_of_joined.py::test_where_a_site_of_a_partners_own_stood_is_told_to_him_and_to_nobody_else[sqlite]",
    ),
    Mutant(
        "taken-back-and-told",
        "what a partner took back, or says later, does not stand in his past",
        "hub/store/own_words.py",
        "        change.version = NO_VIEW if stands is None else stands.version",
        "        del stands",
        "tests/test_past.py::test_what_a_partner_says_later_does_not_stand_in_his_past[sqlite]",
    ),
    Mutant(
        "marker-for-a-version",
        "a wide change of what a partner sees leaves his past as it was",
        "hub/store/versions.py",
        '    own = f" AND {_ITS_OWN}" if partner else ""\n',
        '    own = ""\n',
        "tests/store/test_overlays.py::test_a_wide_change_of_it_leaves_its_past_to_the_partner[sqlite]",
    ),
    Mutant(
        "queue-remembers-the-erased",
        "no pair with somebody who was erased is left in the review queue",
        "hub/store/erasure.py",
        "    bulk.run(f\"DELETE FROM review WHERE {bulk.listed('other_id')}\", many)\n",
        "",
        "tests/store/test_erasure.py::test_no_pair_with_the_person_is_left_in_the_queue_whoever_came_first[sqlite-0]",
    ),
    Mutant(
        "refusals-remember-the-erased",
        "no row that was refused is left of somebody who was erased",
        "hub/store/erasure.py",
        "        bulk.many({claim.external_id for claim in claims}),\n",
        "        bulk.many([]),\n",
        "tests/store/test_erasure.py::test_what_was_refused_of_the_person_is_gone_too_and_of_others_not[sqlite]",
    ),
    Mutant(
        "stays-on-its-last-day",
        "what changed on its last day of validity is another version at midnight",
        "hub/model/audience.py",
        "if first <= day < behind})",
        "if first < day < behind})",
        "tests/plugins/fhir/test_running_out.py::test_what_changed_on_its_last_day_is_another_version_at_midnight[sqlite]",
    ),
)


def main(names: Iterable[str]) -> int:
    """Try the mutants with these names, or all; the answer is the exit code."""
    wanted = set(names)
    unknown = wanted - {mutant.name for mutant in MUTANTS}
    if unknown:
        print(f"There is no mutant {', '.join(sorted(unknown))}; there are: {', '.join(m.name for m in MUTANTS)}")
        return 2
    survivors: list[str] = []
    sound: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="fichehub-mutants-") as folder:
        copy = Path(folder)
        _copy(copy)
        for mutant in MUTANTS:
            if wanted and mutant.name not in wanted:
                continue
            started = time.monotonic()
            verdict = _try(copy, mutant, sound)
            print(f"{verdict:9} {mutant.name:24} {time.monotonic() - started:5.1f} s  {mutant.promise}", flush=True)
            if verdict != "caught":
                survivors.append(mutant.name)
    if survivors:
        print(f"Not caught: {', '.join(survivors)}")
    return 1 if survivors else 0


def _try(copy: Path, mutant: Mutant, sound: set[str]) -> str:
    """The verdict. `sound`: tests that were seen to pass without any mutant."""
    file = copy / mutant.file
    before = file.read_text(encoding="utf-8")
    if before.count(mutant.old) != 1:
        return "outdated"
    if mutant.test not in sound:
        if not _passes(copy, mutant.test):
            return "red"
        sound.add(mutant.test)
    file.write_text(before.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        return "survived" if _passes(copy, mutant.test) else "caught"
    finally:
        file.write_text(before, encoding="utf-8")


def _passes(copy: Path, test: str) -> bool:
    try:
        done = _run(copy, test)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _run(copy: Path, test: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=900,
        check=False,
    )


def _copy(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        elif source.exists():
            shutil.copy2(source, target / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to try; default: all")
    sys.exit(main(parser.parse_args().names))

// A program of somebody else: it keeps a copy of a care directory in step by its histories (IHE mCSD, ITI-91), knows nothing of the server but its address,
// and goes on where it was when the server is away for a while. Started by test_update_client.py:
//
//     node update_client.mjs http://host:port/fhir copy.json stop
//
// It runs round after round until the file `stop` is there, then one last round, and writes what it has into `copy.json`.

import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const TYPES = ["Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "OrganizationAffiliation", "Endpoint"];
const [base, target, stop] = process.argv.slice(2);
const copy = new Map();
const since = {};
const met = { rounds: 0, pages: 0, away: 0 };

async function page(url) {
  for (;;) {
    let response, body;
    try {
      response = await fetch(url, { headers: { Accept: "application/fhir+json" }, signal: AbortSignal.timeout(10_000) });
      body = await response.text();
    } catch {
      met.away += 1; // refused, reset or cut off: the same page again
      await pause(25);
      continue;
    }
    if (response.status === 429 || response.status === 503) {
      await pause(1000 * Number(response.headers.get("Retry-After") ?? 1));
      continue;
    }
    if (response.status !== 200) throw new Error(`${url} ${response.status} ${body}`);
    met.pages += 1;
    return JSON.parse(body);
  }
}

async function follow(type) {
  const address = `${base}/${type}/_history`;
  const seen = new Set();
  let query = new URLSearchParams({ _count: "20", ...(since[type] && { _since: since[type] }) });
  let moment;
  while (query) {
    const bundle = await page(`${address}?${query}`);
    moment ??= bundle.meta.lastUpdated;
    for (const entry of bundle.entry ?? []) {
      const which = entry.resource ? `${entry.resource.resourceType}/${entry.resource.id}` : entry.request.url;
      if (seen.has(which)) continue; // the newest comes first
      seen.add(which);
      if (entry.request.method === "DELETE") copy.delete(which);
      else copy.set(which, entry.resource);
    }
    // As the reference client of a national programme does: of the next link the query alone.
    const next = (bundle.link ?? []).find((each) => each.relation === "next");
    query = next ? new URL(next.url).searchParams : null;
  }
  since[type] = moment;
}

for (let last = false; !last; ) {
  last = existsSync(stop);
  for (const type of TYPES) await follow(type);
  met.rounds += 1;
}
writeFileSync(target, JSON.stringify({ copy: Object.fromEntries(copy), met }));

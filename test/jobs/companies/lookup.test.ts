import { describe, expect, it } from 'vitest';
import { type Ask, lookUp } from '../../../lib/jobs/companies/sirene.ts';
import { type Answered, type GatewayOptions, json, newGateway, text } from './fake-gateway.ts';
import { type Kind, kindOf, sirenAt, successorOf } from './fake-register.ts';

const KEY = 'k';

/** The register behind a gateway that lets everything through. */
function register(options: Partial<GatewayOptions> = {}) {
  const gateway = newGateway({
    ...{ calls: 1000, windowMs: 1000, now: () => 0, key: KEY, ...options },
  });
  const paths: string[] = [];
  const ask: Ask = async ({ path, form }) => {
    paths.push(`${form === undefined ? 'GET' : 'POST'} ${path.split('?')[0]}`);
    const { status, headers, body } = gateway.answer({
      method: form === undefined ? 'GET' : 'POST',
      path,
      headers: { 'x-insee-api-key-integration': KEY },
      body: form === undefined ? '' : String(new URLSearchParams(form)),
    });
    return { status, header: (name) => headers[name], body };
  };
  return { ask, paths, gateway };
}

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, at) => sirenAt(from + at));
const first = (kind: Kind): string => numbers(100).find((one) => kindOf(one) === kind) as string;

describe('one company', () => {
  it('is one call, with its head office', async () => {
    const { ask, paths } = register();
    const found = await lookUp(ask, [sirenAt(1)]);
    expect(found.get(sirenAt(1))).toMatchObject({
      company: {
        siren: sirenAt(1),
        name: 'BOULANGERIE 1',
        headOffice: { city: 'DIVONNE-LES-BAINS' },
      },
    });
    expect(paths).toEqual(['GET /siret']);
  });

  it.each([
    ['unknown', { none: 'not in Sirene' }],
    ['hidden', { none: 'not public' }],
    ['duplicate', { none: `closed as a duplicate of ${successorOf(first('duplicate'))}` }],
    ['no office', { company: { siren: first('no office'), headOffice: null, state: 'active' } }],
  ] as const)(
    'that the search does not find is asked for by its number: %s',
    async (kind, said) => {
      const { ask, paths } = register();
      const siren = first(kind);
      expect((await lookUp(ask, [siren])).get(siren)).toMatchObject(said);
      expect(paths).toEqual(['GET /siret', `GET /siren/${siren}`]);
    },
  );
});

describe('many companies', () => {
  it('a thousand are one call; who is not found says so', async () => {
    const { ask, paths, gateway } = register();
    const asked = numbers(1000);
    const found = await lookUp(ask, asked);
    expect(paths).toEqual(['POST /siret']);
    expect([...found.keys()]).toEqual(asked);
    for (const [siren, one] of found) {
      const there = !['unknown', 'hidden', 'duplicate', 'no office'].includes(kindOf(siren));
      if (there) expect(one).toMatchObject({ company: { siren } });
      else expect(one).toEqual({ none: expect.stringContaining('not found in Sirene') });
    }
    expect(gateway.stats().companies).toBe(960);
  });

  it('the same whatever the page, and how the last one is told', async () => {
    const asked = numbers(230);
    const truth = [...(await lookUp(register().ask, asked))];
    // 222 are there: 3 pages of 100 with a total (of 111: 2); without one a fourth that is empty, its next cursor its own.
    for (const [options, calls] of [
      [{ pageSize: 100 }, 3],
      [{ pageSize: 100, noTotal: true }, 4],
      [{ pageSize: 111 }, 2],
      [{ pageSize: 111, noTotal: true }, 3],
      [{ noTotal: true }, 2],
    ] as const) {
      const { ask, paths } = register(options);
      expect([...(await lookUp(ask, asked))]).toEqual(truth);
      expect(paths).toHaveLength(calls);
    }
  });

  it('of nobody, and in a URL as long as it is short enough', async () => {
    const none = register();
    const unknown = [167, 267, 367].map(sirenAt);
    const found = await lookUp(none.ask, unknown);
    expect([...found.values()]).toEqual(unknown.map(() => ({ none: expect.any(String) })));
    expect(none.paths).toEqual(['GET /siret']);
    const [short, long] = [register(), register()];
    await lookUp(short.ask, numbers(80));
    await lookUp(long.ask, numbers(81));
    expect([short.paths, long.paths]).toEqual([['GET /siret'], ['POST /siret']]);
  });

  it('a cursor that turns in a circle ends', async () => {
    const header = { statut: 200, curseur: '*', total: 9 };
    const { ask, paths } = register({
      fault: (_, call) =>
        json(200, { header: { ...header, curseurSuivant: `c${call}` }, etablissements: [] }),
    });
    await expect(lookUp(ask, numbers(3))).rejects.toMatchObject({ code: 'TOO_MANY_PAGES' });
    expect(paths).toHaveLength(50);
  });

  it('of two head offices the open one counts, then the newer one', async () => {
    const siren = sirenAt(2);
    const office = (nic: string, state: string) => ({
      ...{ siren, siret: siren + nic, uniteLegale: {}, adresseEtablissement: {} },
      periodesEtablissement: [{ etatAdministratifEtablissement: state }],
    });
    const offices = [office('00030', 'F'), office('00010', 'A'), office('00020', 'A')];
    for (const etablissements of [offices, [...offices].reverse()]) {
      const { ask } = register({
        fault: () => json(200, { header: { statut: 200, total: 3 }, etablissements }),
      });
      const found = await lookUp(ask, [siren]);
      expect(found.get(siren)).toMatchObject({
        company: { headOffice: { siret: `${siren}00020` } },
      });
    }
  });
});

describe('an answer that is none', () => {
  const sirene = (status: number, message: string): Answered =>
    json(status, { header: { statut: status, message } });

  it.each([
    [sirene(400, 'Erreur de syntaxe'), 'permanent', 'BAD_QUERY', 'Erreur de syntaxe'],
    [json(401, { message: 'Unauthorized' }), 'unavailable', 'KEY_REFUSED', 'Set the secret anew'],
    [json(403, { message: 'Forbidden' }), 'unavailable', 'KEY_REFUSED', '(403)'],
    [text(404, 'No context-path'), 'unavailable', 'NOT_SIRENE', 'No context-path'],
    [text(302, ''), 'unavailable', 'NOT_SIRENE', 'option base'],
    [text(413, 'Too Large'), 'permanent', 'QUERY_TOO_LONG', 'a smaller per-call'],
    [text(414, 'Too Long'), 'permanent', 'QUERY_TOO_LONG', 'for 1 companies'],
    [text(406, ''), 'permanent', 'HTTP_406', 'answered 406'],
    [text(500, 'oops'), 'retryable', 'SERVER_ERROR', 'answered 500'],
    [sirene(503, 'Service indisponible'), 'retryable', 'SERVER_ERROR', 'answered 503'],
    [text(200, '<html>'), 'permanent', 'BAD_RESPONSE', '<html>'],
    [json(200, { etablissements: [] }), 'permanent', 'BAD_RESPONSE', 'no companies'],
    [
      json(200, { header: { statut: 200 }, etablissements: [{ siren: 1 }] }),
      'permanent',
      'BAD_RESPONSE',
      'no companies',
    ],
  ])('%j', async (answer, kind, code, message) => {
    const { ask } = register({ fault: () => answer });
    const failed = await lookUp(ask, [sirenAt(0)]).catch((error: unknown) => error);
    expect(failed).toMatchObject({ kind, code, message: expect.stringContaining(message) });
  });

  it('a server that is down is no fault of any of a thousand rows', async () => {
    const { ask } = register({ fault: () => text(502, '') });
    const failed = await lookUp(ask, numbers(1000)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ kind: 'unavailable', code: 'SERVER_ERROR' });
  });

  it('another company than the one asked for is not taken for it', async () => {
    const siren = first('no office');
    const { ask } = register({
      fault: ({ path }) =>
        path.startsWith('/siren/')
          ? json(200, { header: { statut: 200 }, uniteLegale: { siren: sirenAt(3) } })
          : undefined,
    });
    await expect(lookUp(ask, [siren])).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });
});

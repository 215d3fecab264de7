import { PermanentError } from '../../index.ts';
import { type Answer, type Found, readAnswer, type Said } from './answer.ts';
import { betterOffice, type Company, companyOf, companyOfUnit, type Part } from './company.ts';

/** A call of the API, relative to its base. */
export interface Request {
  path: string;
  /** Sent as a form, since a query of a thousand companies has 19 KB; else all is in the path. */
  form?: Readonly<Record<string, string>>;
}

/** Makes a call when the quota has a slot for it. It answers no 429. */
export type Ask = (request: Request) => Promise<Answer>;

/** What is known of one company that was asked for. */
export type LookedUp = { company: Company } | { none: string };

/** Rows of one page at most, and companies of one query (INSEE's documentation of `nombre`). */
export const MAX_PER_CALL = 1000;
/** A search for a thousand companies has a thousand head offices: more pages would be a server that turns in a circle. */
const MAX_PAGES = 50;

/** A thousand SIRENs with ` OR siren:` between them are no URL any more (2,000 characters are always one). */
const MAX_IN_URL = 80;

/**
 * Today's record of each company, from its head office: `GET /siret` has the unit inside and the address, which
 * `GET /siren/<siren>` has not. One call; further ones for pages that the server cuts short.
 *
 * A single company that the search does not find is asked for by its number: only there Sirene says why.
 */
export async function lookUp(ask: Ask, sirens: readonly string[]): Promise<Map<string, LookedUp>> {
  const offices = new Map<string, Part>();
  for (const office of await search(ask, sirens)) {
    const siren = office['siren'] as string;
    const other = offices.get(siren);
    offices.set(siren, other === undefined ? office : betterOffice(office, other));
  }
  const [only] = sirens;
  const found = new Map<string, LookedUp>();
  for (const siren of sirens) {
    const office = offices.get(siren);
    if (office !== undefined) found.set(siren, { company: companyOf(office) });
    else if (sirens.length === 1) found.set(siren, await whyNot(ask, only as string));
    else found.set(siren, { none: NOT_FOUND });
  }
  return found;
}

/** Of many companies nobody says which is unknown, and which is hidden. */
const NOT_FOUND = 'not found in Sirene: unknown, not public, or closed as a duplicate';

async function search(ask: Ask, sirens: readonly string[]): Promise<Part[]> {
  const any = sirens.map((siren) => `siren:${siren}`).join(' OR ');
  const query = {
    q: `(${any}) AND etablissementSiege:true`,
    nombre: String(Math.min(MAX_PER_CALL, Math.max(20, sirens.length))),
    masquerValeursNulles: 'true',
  };
  const offices: Part[] = [];
  let cursor = '*';
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const said = await readPage(ask, { ...query, curseur: cursor }, sirens.length);
    // No match at all is a 404.
    if (said === undefined) return offices;
    offices.push(...said.offices);
    const { total, next } = said;
    // The total spares a call: without it the end is a page, often empty, whose next cursor is its own.
    if (total !== undefined && offices.length >= total) return offices;
    if (next === undefined || next === cursor) return offices;
    cursor = next;
  }
  throw new PermanentError(
    `Sirene gave ${MAX_PAGES} pages for ${sirens.length} companies, and more: its cursor turns in a circle.`,
    { code: 'TOO_MANY_PAGES' },
  );
}

async function readPage(
  ask: Ask,
  form: Readonly<Record<string, string>>,
  rows: number,
): Promise<Found | undefined> {
  const request =
    rows > MAX_IN_URL ? { path: '/siret', form } : { path: `/siret?${new URLSearchParams(form)}` };
  const said = readAnswer(await ask(request), rows);
  return 'found' in said ? said.found : undefined;
}

async function whyNot(ask: Ask, siren: string): Promise<LookedUp> {
  const said: Said = readAnswer(await ask({ path: `/siren/${siren}` }), 1);
  if ('none' in said) return said;
  if ('duplicateOf' in said) {
    return { none: `closed as a duplicate of ${said.duplicateOf ?? 'another company'}` };
  }
  const { unit } = said.found;
  if (unit?.['siren'] === siren) return { company: companyOfUnit(unit) };
  throw new PermanentError(`Sirene was asked for ${siren} and answered with another company.`, {
    code: 'BAD_RESPONSE',
  });
}

import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { companyOf, companyOfUnit, type Part } from '../../../lib/jobs/companies/company.ts';
import { identify, isSiren, isSiret, keyOf } from '../../../lib/jobs/companies/identifier.ts';
import { normalised, rejectionOf, textKey } from '../../../lib/jobs/companies/rules.ts';
import { type Kind, kindOf, officeOf, sirenAt, unitOf } from './fake-register.ts';

const { SLUICE_DATA = '../shared/data' } = process.env;
const INSEE = `${SLUICE_DATA}/insee`;

describe('SIREN and SIRET', () => {
  it.each([
    [{ siren: '552100554' }, '552100554'],
    [{ siren: ' 552 100\u00a0554 ' }, '552100554'],
    [{ siren: '552.100.554' }, '552100554'],
    [{ SIREN: '016750697' }, '016750697'],
    [{ siret: '55210055400013' }, '552100554'],
    [{ siren: '552100554', siret: '55210055400013' }, '552100554'],
    // La Poste: its head office has the check digit, its post offices have a sum of digits of a multiple of 5.
    [{ siret: '35600000000048' }, '356000000'],
    [{ siret: '35600000049837' }, '356000000'],
    [{ siren: 552100554 }, '552100554'],
  ])('%j is the company %s', (row, siren) => {
    expect(identify(row)).toEqual({ siren });
  });

  it.each([
    [{}, 'NO_SIREN', 'no siren and no siret'],
    [{ siren: '', siret: ' ' }, 'NO_SIREN', 'no siren and no siret'],
    [{ siren: '552100555' }, 'BAD_SIREN', 'wrong check digit'],
    [{ siren: '525100554' }, 'BAD_SIREN', 'wrong check digit'],
    [{ siren: '16750697' }, 'BAD_SIREN', '9 digits; got 8: "16750697". Did a spreadsheet take'],
    [{ siren: '5521005540' }, 'BAD_SIREN', 'must have 9 digits; got 10'],
    [{ siren: '55210055A' }, 'BAD_SIREN', 'must be 9 digits; got "55210055A"'],
    [{ siret: '55210055400014' }, 'BAD_SIRET', 'wrong check digit'],
    [{ siret: '35600000049838' }, 'BAD_SIRET', 'wrong check digit'],
    [{ siret: '55210055500004' }, 'BAD_SIRET', 'wrong check digit'],
    [
      { siren: '016750697', siret: '55210055400013' },
      'SIRET_OF_ANOTHER',
      'belongs to the company 552100554',
    ],
  ])('%j is none: %s', (row, code, message) => {
    expect(identify(row)).toEqual({ code, message: expect.stringContaining(message) });
  });

  it('one mistyped digit, and two neighbours swapped (but 0 and 9), are always found', () => {
    const places = fc.integer({ min: 0, max: 8 });
    fc.assert(
      fc.property(
        fc.nat({ max: 800_000 }),
        places,
        fc.integer({ min: 1, max: 9 }),
        (n, at, more) => {
          const siren = sirenAt(n);
          const typed = String((Number(siren[at]) + more) % 10);
          expect(isSiren(siren.slice(0, at) + typed + siren.slice(at + 1))).toBe(false);
          const [a = '', b = ''] = siren.slice(at, at + 2);
          if (a === b || b === '' || [a + b, b + a].includes('09')) return;
          expect(isSiren(siren.slice(0, at) + b + a + siren.slice(at + 2))).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('the item is named as it stands in the input', () => {
    expect(keyOf({ siren: '552 100 554' })).toBe('552100554');
    expect(keyOf({ siret: 'x' })).toBe('x');
    expect(keyOf({ name: 'ACME' })).toBe('(none)');
  });

  const FILES = ['joao-sdx-mailing/echantillon.csv', 'sirene-as-api/sample_etablissements_OK.csv'];
  it.skipIf(!existsSync(INSEE))('every number in files of INSEE passes', () => {
    let seen = 0;
    for (const file of FILES) {
      const [head = '', ...lines] = readFileSync(`${INSEE}/${file}`, 'utf8').trim().split('\n');
      const columns = head.split(',');
      for (const line of lines) {
        const cells = line.split(',');
        const row = Object.fromEntries(columns.map((column, at) => [column, cells[at]]));
        expect(identify(row)).toEqual({ siren: row['siren'] });
        seen += 1;
      }
    }
    expect(seen).toBeGreaterThanOrEqual(9);
  });
});

const first = (kind: Kind): string => {
  const at = Array.from({ length: 100 }, (_, n) => n).find((n) => kindOf(sirenAt(n)) === kind);
  return sirenAt(at as number);
};

describe('a company record', () => {
  it('holds the unit as it is today, and its head office', () => {
    const siren = sirenAt(0);
    const company = companyOf(officeOf(siren) as Part);
    expect(company).toEqual({
      siren,
      name: 'ATELIER 0',
      acronym: 'A0',
      legalForm: '5710',
      activity: '62.01Z',
      activityOf: 'NAFRev2',
      activity2025: null,
      createdOn: '1960-01-01',
      state: 'active',
      category: null,
      staff: null,
      partial: false,
      headOffice: {
        siret: expect.stringMatching(new RegExp(`^${siren}0001\\d$`)),
        state: 'open',
        sign: 'CHEZ ATELIER',
        street: '1 BIS RUE DES DEPOTS',
        extra: 'BATIMENT B',
        postcode: '22000',
        city: 'SAINT-BRIEUC',
        cityCode: '22278',
        country: null,
      },
    });
    expect(isSiret(company.headOffice?.siret as string)).toBe(true);
  });

  it('has the name of a person, and null where INSEE has a mark or nothing', () => {
    const person = companyOf(officeOf(first('person')) as Part);
    expect(person).toMatchObject({ name: 'ANNE MARTIN', legalForm: '1000', partial: false });
    const partial = companyOf(officeOf(first('partial')) as Part);
    expect(partial).toMatchObject({ name: null, partial: true });
    expect(partial.headOffice).toMatchObject({ street: null, postcode: null, cityCode: '01143' });
    expect(JSON.stringify(partial)).not.toContain('[ND]');
    const abroad = companyOf(officeOf(first('abroad')) as Part).headOffice;
    expect(abroad).toMatchObject({ street: null, city: 'BRUXELLES', country: 'BELGIQUE' });
    const ceased = companyOf(officeOf(first('ceased')) as Part);
    expect([ceased.state, ceased.headOffice?.state]).toEqual(['ceased', 'closed']);
  });

  it('is the same with and without the values that are null', () => {
    for (let at = 0; at < 100; at += 1) {
      const office = officeOf(sirenAt(at));
      if (office === undefined) continue;
      const drop = (_: string, value: unknown) => (value === null ? undefined : value);
      expect(companyOf(JSON.parse(JSON.stringify(office, drop)))).toEqual(companyOf(office));
    }
  });

  it('of a unit alone has its newest period and no head office', () => {
    const siren = first('no office');
    const company = companyOfUnit(unitOf(siren));
    expect(company).toMatchObject({ siren, name: expect.not.stringContaining('ANCIEN') });
    expect(company).toMatchObject({ legalForm: '5710', activityOf: 'NAFRev2', headOffice: null });
  });
});

const rules = {
  columns: ['text'],
  minLength: 0,
  maxLength: 10_000,
  required: [] as string[],
  forbidden: [] as string[],
};
const ABOUT = 'Nous fabriquons des fenêtres en bois depuis 1962, à Saint-Brieuc.';

describe('rules for texts', () => {
  it.each([
    [{}, { text: ABOUT }, undefined],
    [{}, { text: '  ' }, 'TEXT_MISSING text is empty or not there.'],
    [{}, {}, 'TEXT_MISSING text is empty or not there.'],
    [
      { minLength: 66 },
      { text: ` ${ABOUT} ` },
      'TOO_SHORT text must have 66 characters or more; got 65.',
    ],
    [{ minLength: 65 }, { text: ABOUT }, undefined],
    [{ minLength: 15 }, { text: '😀'.repeat(10) }, 'TOO_SHORT'],
    [{ minLength: 10, maxLength: 10 }, { text: '😀'.repeat(10) }, undefined],
    [{ maxLength: 64 }, { text: ABOUT }, 'TOO_LONG text must have at most 64 characters; got 65.'],
    [{ forbidden: ['FENETRES en bois'] }, { text: ABOUT }, 'FORBIDDEN_WORD'],
    [{ forbidden: ['fenêtre', 'boi'] }, { text: ABOUT }, undefined],
    [{ required: ['saint brieuc'] }, { text: ABOUT }, undefined],
    [
      { required: ['bois', 'rennes'] },
      { text: ABOUT },
      'REQUIRED_WORD text must have the word "rennes".',
    ],
    [
      {},
      { text: `${ABOUT} {{ville}}` },
      'PLACEHOLDER text has a placeholder left in: "{{ville}}".',
    ],
    [{}, { text: 'Bonjour [Votre nom], merci' }, 'PLACEHOLDER'],
    [{}, { text: '[à compléter]' }, 'PLACEHOLDER'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what a template leaves
    [{}, { text: 'Chez ${company.name}' }, 'PLACEHOLDER'],
    [{}, { text: 'Lorem\n ipsum dolor' }, 'PLACEHOLDER'],
    [{}, { text: 'TODO' }, 'PLACEHOLDER'],
    [{}, { text: 'todos los días, [1] [ND] 50 % {x}' }, undefined],
    [{ columns: ['text', 'more'] }, { text: ABOUT, more: 'Bref.' }, undefined],
    [
      { columns: ['text', 'more'] },
      { text: ABOUT, more: ABOUT.toUpperCase() },
      'DUPLICATE_TEXT more says the same as text.',
    ],
    [
      {},
      { text: `${ABOUT}\n\nTel. 01\n\n${ABOUT} !\nTel. 01` },
      'DUPLICATE_TEXT text says paragraph 3 twice',
    ],
    [{}, { text: 'Tel. 01\nTel. 01' }, undefined],
    [{ columns: [], required: ['x'] }, { text: '' }, undefined],
  ])('%j: %j', (given, row, expected) => {
    const found = rejectionOf(row, { ...rules, ...given });
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(`${found?.code} ${found?.message}`).toContain(expected);
  });

  it('equal texts have one key, whatever their case, accents and blanks', () => {
    const key = (text: string) => textKey({ text }, rules);
    expect(key(ABOUT)).toMatch(/^[0-9a-f]{16}$/);
    expect(key(`  ${ABOUT.toUpperCase().replaceAll(' ', '\n')}`)).toBe(key(ABOUT));
    expect(key(`${ABOUT} Oui`)).not.toBe(key(ABOUT));
    expect(textKey({ text: ABOUT }, { ...rules, columns: [] })).toBeUndefined();
    expect(normalised('  L’Été\u00a0à Ⅳ  ')).toBe('l ete a iv');
  });
});

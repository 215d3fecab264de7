/** Where a company has its head office. */
export interface HeadOffice {
  siret: string;
  state: 'open' | 'closed';
  /** Sign or usual name of the place, where it has one. */
  sign: string | null;
  /** Number, repetition, kind and name of the way: `12 BIS RUE DE LA PAIX`. */
  street: string | null;
  /** Building, floor, post box. */
  extra: string | null;
  postcode: string | null;
  city: string | null;
  /** INSEE's code of the commune, 5 characters. */
  cityCode: string | null;
  /** Null in France. */
  country: string | null;
}

/** A legal unit as Sirene knows it today. What its owner does not want published is null, and `partial` is true. */
export interface Company {
  siren: string;
  /** Denomination; of a person the first name in use and the name in use. */
  name: string | null;
  acronym: string | null;
  /** Level III of INSEE's legal categories, four digits: 5710 is a SAS, 1000 a person. */
  legalForm: string | null;
  /** NAF code of the main activity, and the nomenclature that it is of (NAFRev2, NAF1993, NAP). */
  activity: string | null;
  activityOf: string | null;
  /** The same in NAF 2025, where INSEE gives it already. */
  activity2025: string | null;
  /** ISO 8601 day. */
  createdOn: string | null;
  state: 'active' | 'ceased';
  /** PME, ETI or GE. */
  category: string | null;
  /** INSEE's band of staff: 00, 01 ... 53, NN. */
  staff: string | null;
  /** Whether it asked that parts of it are not published (statutDiffusion P). */
  partial: boolean;
  headOffice: HeadOffice | null;
}

/** Part of an answer of the API: its keys are the columns of INSEE's files. */
export type Part = Readonly<Record<string, unknown>>;

/** INSEE's mark for what is not published (non diffusible). */
const MASK = '[ND]';

/** A head office of `GET /siret`, with its unit inside (`uniteLegale`: today's values). */
export function companyOf(office: Part): Company {
  const unit = partOf(office['uniteLegale']);
  return {
    ...unitOf(String(office['siren']), unit),
    headOffice: headOfficeOf(office),
  };
}

/** A unit of `GET /siren/<siren>`, whose newest period comes first; the address is not in it. */
export function companyOfUnit(unit: Part): Company {
  const [period] = listOf(unit['periodesUniteLegale']);
  return { ...unitOf(String(unit['siren']), { ...unit, ...period }), headOffice: null };
}

function unitOf(siren: string, unit: Part): Omit<Company, 'headOffice'> {
  const text = (name: string): string | null => textOf(unit[`${name}UniteLegale`]);
  return {
    siren,
    name: text('denomination') ?? personOf(unit) ?? text('denominationUsuelle1'),
    acronym: text('sigle'),
    legalForm: text('categorieJuridique'),
    activity: text('activitePrincipale'),
    activityOf: text('nomenclatureActivitePrincipale'),
    activity2025: text('activitePrincipaleNAF25'),
    createdOn: text('dateCreation'),
    state: unit['etatAdministratifUniteLegale'] === 'C' ? 'ceased' : 'active',
    category: textOf(unit['categorieEntreprise']),
    staff: text('trancheEffectifs'),
    partial: unit['statutDiffusionUniteLegale'] !== 'O',
  };
}

function personOf(unit: Part): string | null {
  const first = textOf(unit['prenomUsuelUniteLegale']) ?? textOf(unit['prenom1UniteLegale']);
  const last = textOf(unit['nomUsageUniteLegale']) ?? textOf(unit['nomUniteLegale']);
  return joined([first, last]);
}

function headOfficeOf(office: Part): HeadOffice {
  const [period] = listOf(office['periodesEtablissement']);
  const address = partOf(office['adresseEtablissement']);
  const text = (name: string): string | null => textOf(address[`${name}Etablissement`]);
  return {
    siret: String(office['siret']),
    state: period?.['etatAdministratifEtablissement'] === 'F' ? 'closed' : 'open',
    sign:
      textOf(period?.['enseigne1Etablissement']) ??
      textOf(period?.['denominationUsuelleEtablissement']),
    street: joined(
      ['numeroVoie', 'indiceRepetition', 'typeVoie', 'libelleVoie'].map((name) => text(name)),
    ),
    extra: joined([text('complementAdresse'), text('distributionSpeciale')]),
    postcode: text('codePostal') ?? text('codeCedex'),
    city: text('libelleCommune') ?? text('libelleCommuneEtranger') ?? text('libelleCedex'),
    cityCode: text('codeCommune'),
    country: text('libellePaysEtranger'),
  };
}

/** Of several head offices that a search gives for one company: an open one, then the highest SIRET. */
export function betterOffice(a: Part, b: Part): Part {
  const closed = (office: Part): number => (headOfficeOf(office).state === 'closed' ? 1 : 0);
  if (closed(a) !== closed(b)) return closed(a) < closed(b) ? a : b;
  return String(a['siret']) > String(b['siret']) ? a : b;
}

const textOf = (value: unknown): string | null => {
  const text = value === undefined || value === null ? '' : String(value).trim();
  return text === '' || text === MASK ? null : text;
};

const joined = (parts: readonly (string | null)[]): string | null =>
  parts.filter((part) => part !== null).join(' ') || null;

export const isPart = (value: unknown): value is Part =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const partOf = (value: unknown): Part => (isPart(value) ? value : {});

const listOf = (value: unknown): Part[] => (Array.isArray(value) ? value.filter(isPart) : []);

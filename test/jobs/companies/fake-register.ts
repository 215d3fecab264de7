import type { Part } from '../../../lib/jobs/companies/company.ts';

/** What the register knows of a number. */
export type Kind =
  | 'company'
  | 'person'
  | 'partial' // asked not to be published: marks instead of values
  | 'abroad'
  | 'ceased'
  | 'no office' // a unit whose head office no search finds
  | 'hidden' // 403
  | 'duplicate' // 301
  | 'unknown'; // 404

/** 9 digits, the last one the check digit; `at` from 0 to 8,999,999. */
export function sirenAt(at: number): string {
  const digits = String(10_000_000 + at * 10 + (at % 7));
  let sum = 0;
  for (let from = 0; from < 8; from += 1) {
    const twice = Number(digits[7 - from]) * (from % 2 === 0 ? 2 : 1);
    sum += twice > 9 ? twice - 9 : twice;
  }
  return digits + ((10 - (sum % 10)) % 10);
}

const placeOf = (siren: string): number =>
  Math.floor((Number(siren.slice(0, 8)) - 10_000_000) / 10);

/** Of a hundred companies 89 are plain; a `plain` register has no others. */
export function kindOf(siren: string, plain = false): Kind {
  const at = placeOf(siren);
  if (at < 0 || sirenAt(at) !== siren) return 'unknown';
  if (plain) return 'company';
  return KINDS[at % 100] ?? 'company';
}

const KINDS: Readonly<Record<number, Kind>> = {
  7: 'person',
  13: 'partial',
  19: 'abroad',
  23: 'ceased',
  31: 'no office',
  41: 'hidden',
  53: 'duplicate',
  67: 'unknown',
  71: 'person',
  83: 'partial',
  97: 'ceased',
};

/** Who goes on with a duplicate. */
export const successorOf = (siren: string): string => sirenAt(placeOf(siren) + 1);

const WORDS = ['ATELIER', 'BOULANGERIE', 'CHANTIER', 'DEPOT', 'ETUDES', 'FORGE', 'GARAGE', 'HALLE'];
const WAYS = ['RUE', 'AVENUE', 'BOULEVARD', 'CHEMIN', 'PLACE'];
const CITIES = [
  { postcode: '22000', city: 'SAINT-BRIEUC', code: '22278' },
  { postcode: '01220', city: 'DIVONNE-LES-BAINS', code: '01143' },
  { postcode: '69330', city: 'MEYZIEU', code: '69282' },
  { postcode: '97490', city: 'SAINT-DENIS', code: '97411' },
] as const;
const ACTIVITIES = ['62.01Z', '10.71C', '43.12B', '66.22Z'];
const ND = '[ND]';

const pick = <T>(list: readonly T[], at: number): T => list[at % list.length] as T;

/** A unit as `uniteLegale` of an establishment holds it: today's values. */
function unitToday(siren: string, kind: Kind): Part {
  const at = placeOf(siren);
  const person = kind === 'person';
  const masked = kind === 'partial';
  const shown = (value: string | null): string | null => (masked ? ND : value);
  return {
    etatAdministratifUniteLegale: kind === 'ceased' ? 'C' : 'A',
    statutDiffusionUniteLegale: masked ? 'P' : 'O',
    dateCreationUniteLegale: `${1960 + (at % 60)}-0${1 + (at % 9)}-01`,
    categorieJuridiqueUniteLegale: person ? '1000' : '5710',
    denominationUniteLegale: person ? null : shown(`${pick(WORDS, at)} ${at}`),
    sigleUniteLegale: at % 5 === 0 ? shown(`A${at % 1000}`) : null,
    denominationUsuelle1UniteLegale: null,
    sexeUniteLegale: person ? 'F' : null,
    nomUniteLegale: person ? 'MARTIN' : null,
    nomUsageUniteLegale: person && at % 2 === 0 ? 'DURAND' : null,
    prenom1UniteLegale: person ? 'ANNE' : null,
    prenomUsuelUniteLegale: person ? 'ANNE' : null,
    pseudonymeUniteLegale: null,
    activitePrincipaleUniteLegale: pick(ACTIVITIES, at),
    nomenclatureActivitePrincipaleUniteLegale: 'NAFRev2',
    activitePrincipaleNAF25UniteLegale: at % 3 === 0 ? null : '62.10Y',
    identifiantAssociationUniteLegale: null,
    economieSocialeSolidaireUniteLegale: 'N',
    societeMissionUniteLegale: null,
    caractereEmployeurUniteLegale: null,
    trancheEffectifsUniteLegale: at % 4 === 0 ? null : '12',
    anneeEffectifsUniteLegale: at % 4 === 0 ? null : '2023',
    nicSiegeUniteLegale: nicOf(siren),
    dateDernierTraitementUniteLegale: '2025-12-06T05:25:38.000',
    categorieEntreprise: at % 4 === 0 ? null : 'PME',
    anneeCategorieEntreprise: at % 4 === 0 ? null : '2023',
  };
}

/** The number of the head office that makes its SIRET end with a check digit. */
function nicOf(siren: string): string {
  for (let last = 0; last < 10; last += 1) {
    const nic = `0001${last}`;
    if (passes(siren + nic)) return nic;
  }
  throw new Error('one of ten digits is the check digit');
}

function passes(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const value = at % 2 === 1 ? Number(digit) * 2 : Number(digit);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** A head office as `GET /siret` gives it; undefined where a search finds none. */
export function officeOf(siren: string, plain = false): Part | undefined {
  const kind = kindOf(siren, plain);
  if (['no office', 'hidden', 'duplicate', 'unknown'].includes(kind)) return undefined;
  const at = placeOf(siren);
  const nic = nicOf(siren);
  return {
    siren,
    nic,
    siret: siren + nic,
    statutDiffusionEtablissement: kind === 'partial' ? 'P' : 'O',
    dateCreationEtablissement: `${1960 + (at % 60)}-0${1 + (at % 9)}-01`,
    trancheEffectifsEtablissement: null,
    anneeEffectifsEtablissement: null,
    activitePrincipaleRegistreMetiersEtablissement: null,
    dateDernierTraitementEtablissement: '2025-12-06T05:25:38.000',
    etablissementSiege: true,
    nombrePeriodesEtablissement: 1,
    uniteLegale: unitToday(siren, kind),
    adresseEtablissement: addressOf(at, kind),
    adresse2Etablissement: {},
    periodesEtablissement: [
      {
        dateFin: null,
        dateDebut: '2008-01-01',
        etatAdministratifEtablissement: kind === 'ceased' ? 'F' : 'A',
        changementEtatAdministratifEtablissement: false,
        enseigne1Etablissement: at % 6 === 0 ? `CHEZ ${pick(WORDS, at)}` : null,
        enseigne2Etablissement: null,
        enseigne3Etablissement: null,
        changementEnseigneEtablissement: false,
        denominationUsuelleEtablissement: null,
        changementDenominationUsuelleEtablissement: false,
        activitePrincipaleEtablissement: pick(ACTIVITIES, at),
        nomenclatureActivitePrincipaleEtablissement: 'NAFRev2',
        changementActivitePrincipaleEtablissement: false,
        caractereEmployeurEtablissement: 'N',
        changementCaractereEmployeurEtablissement: false,
      },
    ],
  };
}

function addressOf(at: number, kind: Kind): Part {
  const { postcode, city, code } = pick(CITIES, at);
  const abroad = kind === 'abroad';
  const masked = kind === 'partial';
  const here = (value: string): string | null => (abroad ? null : masked ? ND : value);
  return {
    complementAdresseEtablissement: at % 8 === 0 && !masked ? 'BATIMENT B' : null,
    numeroVoieEtablissement: here(String(1 + (at % 90))),
    indiceRepetitionEtablissement: at % 10 === 0 && !abroad && !masked ? 'BIS' : null,
    typeVoieEtablissement: here(pick(WAYS, at)),
    libelleVoieEtablissement: here(`DES ${pick(WORDS, at + 3)}S`),
    codePostalEtablissement: here(postcode),
    libelleCommuneEtablissement: abroad ? null : city,
    libelleCommuneEtrangerEtablissement: abroad ? 'BRUXELLES' : null,
    distributionSpecialeEtablissement: null,
    codeCommuneEtablissement: abroad ? null : code,
    codeCedexEtablissement: null,
    libelleCedexEtablissement: null,
    codePaysEtrangerEtablissement: abroad ? '99131' : null,
    libellePaysEtrangerEtablissement: abroad ? 'BELGIQUE' : null,
  };
}

/** A unit as `GET /siren/<siren>` gives it: what does not change, then its periods, the newest first. */
export function unitOf(siren: string): Part {
  const today = unitToday(siren, kindOf(siren));
  const { etatAdministratifUniteLegale, denominationUniteLegale, ...rest } = today;
  return {
    siren,
    ...rest,
    nombrePeriodesUniteLegale: 2,
    periodesUniteLegale: [
      {
        dateFin: null,
        dateDebut: '2019-10-25',
        etatAdministratifUniteLegale,
        changementEtatAdministratifUniteLegale: false,
        denominationUniteLegale,
        changementDenominationUniteLegale: true,
        categorieJuridiqueUniteLegale: rest['categorieJuridiqueUniteLegale'],
        activitePrincipaleUniteLegale: rest['activitePrincipaleUniteLegale'],
        nicSiegeUniteLegale: rest['nicSiegeUniteLegale'],
      },
      {
        dateFin: '2019-10-24',
        dateDebut: '2010-01-01',
        etatAdministratifUniteLegale: 'A',
        denominationUniteLegale: 'ANCIEN NOM',
        categorieJuridiqueUniteLegale: '5499',
        activitePrincipaleUniteLegale: '74.1J',
      },
    ],
  };
}

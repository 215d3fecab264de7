/** A row's company: the SIREN of the unit, nine digits. */
export type Identified = { siren: string } | { code: string; message: string };

/** A row of the input: texts by column (CSV), or any values (a job of your own). */
export type Row = Readonly<Record<string, unknown>>;

/** La Poste, whose establishments are too many for the check digit of a SIRET. */
const LA_POSTE = '356000000';

/**
 * The company that a row names: by `siren`, by `siret` (the first nine digits are the SIREN), or by both. Columns are
 * found in any case; spaces and dots between digits are left out.
 *
 * A SIREN and a SIRET end with a Luhn check digit (INSEE, ISO/IEC 7812-1). The SIRETs of La Poste need not have it:
 * the sum of their digits is a multiple of 5.
 */
export function identify(row: Row): Identified {
  const siren = cellOf(row, 'siren');
  const siret = cellOf(row, 'siret');
  if (siren === '' && siret === '') {
    return wrong('NO_SIREN', 'The row has no siren and no siret: give one of the two columns.');
  }
  if (siren !== '' && !isSiren(siren)) {
    return wrong('BAD_SIREN', faultOf({ name: 'siren', digits: siren, length: 9 }));
  }
  if (siret !== '' && !isSiret(siret)) {
    return wrong('BAD_SIRET', faultOf({ name: 'siret', digits: siret, length: 14 }));
  }
  const own = siret === '' ? siren : siret.slice(0, 9);
  if (siren === '' || siren === own) return { siren: own };
  return wrong(
    'SIRET_OF_ANOTHER',
    `siret ${siret} belongs to the company ${own}, but siren is ${siren}: mend one of the two.`,
  );
}

/** What names the item: its siren or siret as it stands in the input. */
export const keyOf = (row: Row): string =>
  (cellOf(row, 'siren') || cellOf(row, 'siret') || '(none)').slice(0, 512);

export const isSiren = (digits: string): boolean => /^\d{9}$/.test(digits) && luhn(digits);

export const isSiret = (digits: string): boolean =>
  /^\d{14}$/.test(digits) &&
  (luhn(digits)
    ? luhn(digits.slice(0, 9))
    : digits.startsWith(LA_POSTE) && sumOf(digits) % 5 === 0);

function cellOf(row: Row, name: string): string {
  const value = row[name] ?? row[Object.keys(row).find((key) => isNamed(key, name)) ?? ''];
  return value === undefined || value === null ? '' : String(value).replace(/[\s.]/g, '');
}

const isNamed = (column: string, name: string): boolean => column.trim().toLowerCase() === name;

const wrong = (code: string, message: string): Identified => ({ code, message });

function faultOf({
  name,
  digits,
  length,
}: {
  name: string;
  digits: string;
  length: number;
}): string {
  const said = JSON.stringify(digits.length > 40 ? `${digits.slice(0, 39)}…` : digits);
  if (!/^\d+$/.test(digits)) return `${name} must be ${length} digits; got ${said}.`;
  if (digits.length === length) {
    return `${name} ${digits} has a wrong check digit: a digit is mistyped, or two are swapped.`;
  }
  const zeros = digits.length < length ? ' Did a spreadsheet take leading zeros off?' : '';
  return `${name} must have ${length} digits; got ${digits.length}: ${said}.${zeros}`;
}

/** Every second digit from the right is doubled, 9 taken off above 9; the sum is a multiple of 10. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const twice = digit * 2;
    sum += at % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 === 0;
}

const sumOf = (digits: string): number =>
  [...digits].reduce((sum, digit) => sum + Number(digit), 0);

import type { MarketColumns } from './books.ts';
import { BLANK, NOT_A_NUMBER, ODDS_SCALE, parseOdds } from './decimal.ts';

/** Text by column name. */
export interface Cells {
  readonly [column: string]: string | undefined;
}

/** Why a row is no good. */
export interface Fault {
  code: string;
  message: string;
}

export interface Quote {
  /** Ten-thousandths, as `parseOdds` gives them. */
  odds: number[];
  /** How many are blank; below 0 if any cell holds something that is no odds above 1. */
  blanks: number;
}

export function readQuote(row: Cells, { columns }: MarketColumns): Quote {
  const odds = columns.map((column) => parseOdds(row[column] ?? ''));
  let blanks = 0;
  for (let i = 0; i < odds.length; i++) {
    const value = odds[i] as number;
    if (value > ODDS_SCALE) continue;
    blanks = value === BLANK ? blanks + 1 : -columns.length;
  }
  return { odds, blanks };
}

/** Goes over the row again for a message that names the first bad column and counts the others. */
export function badOdds(row: Cells, plan: readonly MarketColumns[]): Fault {
  const bad = plan.flatMap(({ columns }) =>
    columns.filter((column) => {
      const odds = parseOdds(row[column] ?? '');
      return odds !== BLANK && odds <= ODDS_SCALE;
    }),
  );
  const column = bad[0] as string;
  const { code, bound } = judge(row[column] as string);
  const others = bad.length - 1;
  const more =
    others === 0
      ? ''
      : ` ${others} other cell${others === 1 ? '' : 's'} of the row cannot be read either.`;
  return {
    code,
    message: `${column} is ${shown(row[column])}: ${bound}. Correct the cell, or leave the market blank.${more}`,
  };
}

function judge(text: string): { code: string; bound: string } {
  const odds = parseOdds(text);
  if (odds >= 0 || parseOdds(text.trim().replace(/^-/, '')) >= 0) {
    return { code: 'ODDS_TOO_LOW', bound: 'decimal odds must be above 1' };
  }
  if (odds === NOT_A_NUMBER) {
    return {
      code: 'ODDS_NOT_A_NUMBER',
      bound: 'decimal odds are digits with a point, such as 2.05',
    };
  }
  return {
    code: 'ODDS_OUT_OF_RANGE',
    bound: 'decimal odds have at most 6 digits before the point and 4 after it',
  };
}

/** A cell as a message quotes it. */
export function shown(text: string | undefined): string {
  if (text === undefined) return 'missing from the row';
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

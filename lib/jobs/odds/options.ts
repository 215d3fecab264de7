import * as z from 'zod/mini';
import { parseCommission } from './commission.ts';
import { ROUNDINGS } from './decimal.ts';
import { DEFAULTS } from './price.ts';

const said = (value: unknown) => JSON.stringify(value);
const badPlaces = ({ input }: { input?: unknown }) =>
  `places must be 2, 3 or 4 decimals; got ${said(input)}.`;

/** What prices are made by: texts from a command line, or what this schema gave before. */
export const priceOptions = {
  commission: z._default(
    z.string().check(
      z.check(({ value, issues }) => {
        try {
          parseCommission(value);
        } catch (error) {
          issues.push({ code: 'custom', message: (error as Error).message, input: value });
        }
      }),
    ),
    DEFAULTS.commission,
  ),
  rounding: z._default(
    z.enum(ROUNDINGS, {
      error: ({ input }) => `rounding must be ${ROUNDINGS.join(', ')}; got ${said(input)}.`,
    }),
    DEFAULTS.rounding,
  ),
  places: z._default(
    z.coerce
      .number({ error: badPlaces })
      .check(z.refine((value) => [2, 3, 4].includes(value), { error: badPlaces })),
    DEFAULTS.places,
  ),
};

/** What is said of an option that the job does not have. */
export const unknownOption = (job: string, known: string) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'unrecognized_keys'
      ? `the ${job} job has no option ${issue.keys.join(', ')}: it has ${known}.`
      : undefined,
});

export const oddsOptions = z.strictObject(
  priceOptions,
  unknownOption('odds', 'commission, rounding and places'),
);

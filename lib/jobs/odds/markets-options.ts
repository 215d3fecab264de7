import { resolve } from 'node:path';
import * as z from 'zod/mini';
import type { JobDefinition } from '../../index.ts';
import { type ClubsPin, readClubs } from './club-files.ts';
import { priceOptions, unknownOption } from './options.ts';
import type { OddsOptions } from './price.ts';
import type { Cells } from './quotes.ts';

/** What a batch keeps of its options. */
export interface MarketsOptions extends OddsOptions {
  /** How many days apart two sources may date one match. */
  days: 0 | 1;
  /** Lists of clubs beside the built-in ones. */
  clubs?: ClubsPin;
}

const badDays = ({ input }: { input?: unknown }) =>
  `days must be 0 or 1, by how much sources may date one match differently; got ${JSON.stringify(input)}.`;

const rules = {
  ...priceOptions,
  days: z._default(
    z.coerce
      .number({ error: badDays })
      .check(z.refine((value) => value === 0 || value === 1, { error: badDays })),
    1,
  ),
};

const NAMES = 'commission, rounding, places and days';

/** Options of a job that has its clubs in its own file. */
const rulesShape = z.strictObject(
  rules,
  unknownOption('odds-markets', `${NAMES}; its clubs are part of the job file`),
);
const builtInShape = z.strictObject(
  { ...rules, clubs: z.optional(z.string()) },
  unknownOption('odds-markets', `clubs, ${NAMES}`),
);

type Schema = NonNullable<JobDefinition<Cells, unknown, MarketsOptions>['options']>;
type Checked = Awaited<ReturnType<Schema['~standard']['validate']>>;

const schemaOf = (validate: (given: unknown) => Checked): Schema => ({
  '~standard': { version: 1, vendor: 'sluice', validate },
});

export const rulesSchema: Schema = schemaOf((given) => {
  const checked = z.safeParse(rulesShape, given);
  if (!checked.success) return { issues: checked.error.issues };
  return { value: checked.data as MarketsOptions };
});

const IN_THE_CLOUD =
  'in the cloud the lists of clubs are part of the job: a function has no file. Bundle them with a job file of ' +
  'your own, export default oddsMarketsJob({ clubs }), and deploy that.';

/** Options of the built-in job: the lists are read here, once, and known by their digest from then on. */
export const optionsSchema: Schema = schemaOf((given) => {
  const checked = z.safeParse(builtInShape, given);
  if (!checked.success) return { issues: checked.error.issues };
  const { clubs, ...rest } = checked.data;
  const own = rest as MarketsOptions;
  if (clubs === undefined) return { value: own };
  try {
    // Also in the emulator: what it runs must be what would run on AWS.
    if (process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined) throw new Error(IN_THE_CLOUD);
    const { from, digest } = readClubs(resolve(clubs));
    return { value: { ...own, clubs: { from, digest } } };
  } catch (error) {
    return { issues: [{ path: ['clubs'], message: (error as Error).message }] };
  }
});

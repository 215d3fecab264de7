import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod/mini';
import type { JobDefinition } from '../../index.ts';
import { said } from './json.ts';
import type { PageRecord } from './record.ts';
import { checkTableUrl } from './table.ts';
import { webAddress } from './url.ts';

/** What a batch keeps of its options. */
export type RecipeOptions = {
  /** Calls a minute to one host. */
  rate: number;
  /** Silence of an extraction service after which a page is stalled, as a duration. */
  stall: string;
  /** Folder of saved pages; not there in the cloud. */
  pages?: string;
  /** Base of an extraction service, where pages are not read here. */
  service?: string;
  /** Hosts that may be called though their addresses are not public. */
  allow?: readonly string[];
  sink?: string;
};

/** One a second, as crawlers are asked to: the margin of a quota leaves 58 of it. */
const RATE = 60;
const MAX_RATE = 6000;

const rate = z._default(
  z.pipe(
    z.string(),
    z.transform((given, { issues }) => {
      const value = /^\d{1,5}$/.test(given.trim()) ? Number(given) : Number.NaN;
      if (value >= 1 && value <= MAX_RATE) return value;
      const message = `must be the calls a minute to one host, a whole number from 1 to ${MAX_RATE}; got ${said(given)}.`;
      issues.push({ code: 'custom', message, input: given });
      return z.NEVER;
    }),
  ),
  RATE,
);

/** As `ctx.poll` has it. */
const STALL = '15m';
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const stall = z._default(
  z.string().check(
    z.refine(
      (text) => {
        const [, amount, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
        const ms = Number(amount) * UNITS[(unit ?? 's') as keyof typeof UNITS];
        return ms >= 1000 && ms <= 24 * UNITS.h;
      },
      {
        error: ({ input }) =>
          `must be a duration from 1s to 24h, such as '15m'; got ${said(input)}.`,
      },
    ),
  ),
  STALL,
);

const unknownOption = (known: string) => ({
  error: (issue: z.core.$ZodRawIssue) =>
    issue.code === 'unrecognized_keys'
      ? `the recipes job has no option ${issue.keys.join(', ')}: it has ${known}.`
      : undefined,
});

/** Options of a job that has everything else in its own file. */
export const ownSchema = z.strictObject(
  { rate, stall },
  unknownOption(
    'rate and stall; its service, its table and the hosts it may call are part of the job file',
  ),
);

const builtInShape = z.strictObject(
  {
    rate,
    stall,
    pages: z._default(z.string().check(z.minLength(1, 'must not be blank.')), '.'),
    service: z.optional(z.string()),
    allow: z.optional(z.string()),
    sink: z.optional(z.string()),
  },
  unknownOption('rate, stall, pages, service, allow, sink'),
);

const IN_THE_CLOUD =
  'in the cloud it is part of the job, since whoever uploads may not choose it. Bundle it with a job file of your ' +
  'own, export default recipesJob({ ... }), and deploy that.';

type Schema = NonNullable<JobDefinition<PageRecord, unknown, RecipeOptions>['options']>;
type Checked = Awaited<ReturnType<Schema['~standard']['validate']>>;

/** Options of the built-in job. */
export const optionsSchema: Schema = {
  '~standard': { version: 1, vendor: 'sluice', validate: checkOptions },
};

/** Also in the emulator: what it runs must be what would run on AWS. */
const inTheCloud = (): boolean => process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;

function checkOptions(given: unknown): Checked {
  const checked = z.safeParse(builtInShape, given);
  if (!checked.success) return { issues: checked.error.issues };
  const { rate: perMinute, stall: stallAfter, pages, service, allow, sink } = checked.data;
  const value: RecipeOptions = { rate: perMinute, stall: stallAfter };
  let checking = 'pages';
  try {
    if (inTheCloud()) {
      const named = Object.keys(given as object).find(
        (name) => name !== 'rate' && name !== 'stall',
      );
      if (named === undefined) return { value };
      checking = named;
      throw new Error(IN_THE_CLOUD);
    }
    value.pages = folderOf(pages);
    checking = 'service';
    if (service !== undefined) value.service = serviceUrl(service);
    checking = 'allow';
    if (allow !== undefined) value.allow = hostsOf(allow);
    checking = 'sink';
    if (sink !== undefined) value.sink = sinkUrl(sink);
    return { value };
  } catch (error) {
    return { issues: [{ path: [checking], message: (error as Error).message }] };
  }
}

/** Absolute, so that a resume from elsewhere goes on with the same files. */
function folderOf(text: string): string {
  const folder = resolve(text);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new Error(`must be a folder of saved pages; there is none at ${said(text)}.`);
}

/** Checks the base of a service. Throws an Error that says what it must be. */
export function serviceUrl(text: string): string {
  const url = webAddress(text);
  if (url === undefined || url.search !== '' || url.hash !== '') {
    throw new Error(
      `must be the base of an extraction service, beginning with http:// or https:// and ending before any ? or #; got ${said(text)}.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(
      `must hold no user name or password, since options are in the report; got some for ${url.host}.`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

function hostsOf(text: string): string[] {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase());
  const wrong = hosts.find((host) => !/^[^\s/@?#]+$/.test(host) || !URL.canParse(`http://${host}`));
  if (wrong === undefined) return hosts;
  throw new Error(
    `must be hosts with commas between them, such as intranet.example.org,localhost:8080; got ${said(wrong)}.`,
  );
}

/** A file by its absolute path, for the same reason. */
function sinkUrl(text: string): string {
  checkTableUrl(text);
  const [, path] = /^sqlite:(?:\/\/(?=[^/]*\/))?(.*)$/s.exec(text) ?? [];
  return path === undefined ? text : `sqlite:${resolve(path)}`;
}

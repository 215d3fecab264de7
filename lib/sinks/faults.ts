import { PermanentError, UnavailableError } from '../index.ts';

const ROW_FAULT = /^(22|23)/;
/** Another try may find it mended: PostgreSQL's appendix A, "Error Codes". */
const PASSING = new Set([
  '40001', // serialisation failure
  '40P01', // deadlock
  '55P03', // lock not available
  '25006', // read-only: a failover is under way
  '57P01', // the server is shut down
  '57P02', // ... or crashed
  '57P03', // ... or starts
  '57014', // the statement was cancelled
]);
const PASSING_CLASS = /^(08|53)/;
/** Of Node's sockets. A name that cannot be resolved is a wrong URL; EAI_AGAIN is a resolver that is away. */
const PASSING_SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);
/** pg's own errors carry no code. */
const PASSING_TEXT = /terminated|timeout|not queryable|closed/i;

const SQLSTATE = /^[0-9A-Z]{5}$/;

interface Fault {
  code?: unknown;
  message?: unknown;
}

/**
 * What an error of PostgreSQL means for the group: a value that is refused (its row fails alone), a passing
 * fault (tried again), or something that a person must mend (the batch pauses).
 */
export function postgresFault(thrown: unknown, place: string): Error {
  const { code, message } = thrown as Fault;
  const state = typeof code === 'string' ? code : '';
  const text = String(message || state || thrown);
  if (SQLSTATE.test(state) && ROW_FAULT.test(state)) {
    // Not the error's detail: it shows the whole row, and outcomes must not depend on the batch's id.
    return new PermanentError(text, { code: `PG_${state}` });
  }
  const passing =
    PASSING.has(state) ||
    PASSING_CLASS.test(state) ||
    PASSING_SOCKET.has(state) ||
    (state === '' && PASSING_TEXT.test(text));
  const sqlstate = SQLSTATE.test(state) ? `PG_${state}` : state || 'PG_LOST';
  const hint = passing ? '' : hintOf(state);
  return new UnavailableError(`${place}: ${text}${hint}`, { code: sqlstate, retry: passing });
}

/** True when the connection is of no more use. */
export const breaksConnection = (thrown: unknown): boolean => {
  const { code } = thrown as Fault;
  const state = typeof code === 'string' ? code : '';
  return !SQLSTATE.test(state) || /^(08|57P)/.test(state);
};

function hintOf(state: string): string {
  if (state === '42501') return '. Grant INSERT, SELECT and UPDATE on the table to this user.';
  if (state === '42P10') return '. The table needs a primary key (batch, item).';
  if (/^28/.test(state)) return '. Check the user and the password.';
  if (state === '3D000') return '. Create the database, or mend the URL.';
  if (state === 'ENOTFOUND') return '. Check the host in the URL.';
  return '';
}

/** SQLite's primary code: SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY. */
const SQLITE_PASSING = /^SQLITE_(BUSY|LOCKED|PROTOCOL)/;

/** True when another connection holds the file. */
export const isLocked = (thrown: unknown): boolean =>
  SQLITE_PASSING.test(String((thrown as Fault).code));

const SQLITE_ROW = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/;

export function sqliteFault(thrown: unknown, place: string): Error {
  const { code, message } = thrown as Fault;
  const state = typeof code === 'string' ? code : 'SQLITE_ERROR';
  const text = String(message ?? thrown);
  if (SQLITE_ROW.test(state)) return new PermanentError(text, { code: state });
  const retry = SQLITE_PASSING.test(state);
  return new UnavailableError(`${place}: ${text}${sqliteHint(state, text)}`, {
    code: state,
    retry,
  });
}

function sqliteHint(state: string, text: string): string {
  if (state.startsWith('SQLITE_FULL')) return '. Make room on the disk.';
  const [, column] = /(?:has no column named |no such column: (?:there\.)?)(\S+)$/.exec(text) ?? [];
  if (column === undefined) return '';
  return `. The table was not made by this sink: add the column ${column} to it (and to its _seen table, where it has that one too), or give the sink another table.`;
}

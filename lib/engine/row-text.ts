import type { ItemError } from '../core/errors.ts';
import { cutMessage, toItemError } from '../core/errors.ts';
import type { Remotes } from '../core/poll.ts';
import type { ItemContext, OneValue } from './item-context.ts';
import type { Ended } from './item-end.ts';
import type { Taken } from './record-source.ts';
import type { Row } from './rows.ts';
import type { Finished } from './run-item.ts';

/** What a failed item's attempts line keeps of its record, so that failures.jsonl can be fed back. */
const RAW_LIMIT = 16 * 1024;

interface RowFacts {
  taken: Taken;
  context: ItemContext;
  finished: Finished;
  remotes?: Remotes | undefined;
  /** Undefined for an item that was not run. */
  times: { at: number; endedAt: number; since?: number | undefined } | undefined;
}

/** The lines of one ended item. A value that JSON cannot hold makes it a failed one. */
export function toRow({ taken, context, finished, times, remotes }: RowFacts): Row {
  const { ended, text } = fitText(context, withPlace(taken, finished));
  const error = 'error' in ended ? ended.error : undefined;
  return {
    status: ended.status,
    outcome: text,
    gives: ended.status === 'ok' ? (ended.values?.length ?? 1) : 0,
    error,
    tries: times === undefined ? 0 : context.tries,
    at: times?.at ?? 0,
    endedAt: times?.endedAt ?? 0,
    since: times?.since,
    extra: 'error' in ended ? keptOfFailure(taken, ended, remotes) : undefined,
    log: context.lines(),
  };
}

const placeOf = ({ block, at }: Taken): string | undefined =>
  at === undefined ? undefined : block?.where?.(at);

/** A record that does not fit its schema is told by its line: here, since the schema sees the row alone. */
function withPlace(taken: Taken, finished: Finished): Finished {
  const { ended } = finished;
  if (ended.status !== 'failed' || ended.thrown !== undefined || ended.error.code !== 'SCHEMA') {
    return finished;
  }
  const where = placeOf(taken);
  if (where === undefined) return finished;
  const error = { ...ended.error, message: cutMessage(`${where}, ${ended.error.message}`) };
  return { ...finished, ended: { ...ended, error } };
}

interface Made {
  ended: Ended;
  text: string;
  /** What the line gives, where that is one value. */
  one?: OneValue | undefined;
}

/** An item whose values have no fit key for the groupBy behind it fails. */
function fitText(context: ItemContext, finished: Finished): Made {
  const made = outcomeText(context.number, finished);
  const error = made.ended.status === 'ok' ? context.unfit(made.text, made.one) : undefined;
  if (error === undefined) return made;
  const failed: Ended = { status: 'failed', error, thrown: undefined };
  return outcomeText(context.number, { key: finished.key, ended: failed });
}

/** Built by hand: stringify of a whole outcome object costs a third more than of its value alone. */
function outcomeText(index: number | undefined, { key, ended }: Finished): Made {
  const number = index === undefined ? '' : `"index":${index},`;
  const head = `{${number}"key":${key === null ? 'null' : quoted(key)},"status":"${ended.status}"`;
  switch (ended.status) {
    case 'ok': {
      const value =
        ended.json === undefined ? jsonOf(ended.values ?? ended.value) : givenJson(ended.json);
      if (value.error) {
        const failed: Ended = { status: 'failed', error: value.error, thrown: undefined };
        return outcomeText(index, { key, ended: failed });
      }
      if (value.text === undefined) return { ended, text: `${head}}\n` };
      if (ended.values !== undefined) return { ended, text: `${head},"values":${value.text}}\n` };
      const one = { text: value.text, parsed: value.parsed };
      return { ended, text: `${head},"value":${value.text}}\n`, one };
    }
    case 'skipped':
      return { ended, text: `${head},"reason":${JSON.stringify(cutMessage(ended.reason))}}\n` };
    case 'failed':
    case 'stalled':
      return { ended, text: `${head},"error":${errorText(ended.error)}}\n` };
  }
}

/** Longer texts are scanned faster by stringify itself. */
const PLAIN_CHARS = 64;

/** JSON of a text. Most keys are short and plain: with this, 1,000 short lines take 0.11 ms instead of 0.23 (measured). */
function quoted(text: string): string {
  if (text.length > PLAIN_CHARS) return JSON.stringify(text);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}

const errorText = ({ kind, code, message }: ItemError): string =>
  JSON.stringify({ kind, code, message });

const NULL = { text: 'null' };

interface Json {
  text?: string | undefined;
  parsed?: unknown;
  error?: ItemError;
}

function jsonOf(value: unknown): Json {
  if (value === null) return NULL;
  try {
    return { text: JSON.stringify(value) };
  } catch (error) {
    return notJson(`ok(value) got a value that JSON cannot hold: ${toItemError(error).message}`);
  }
}

/** A text that a job gives: what is no JSON, or more than one line, would break its part. */
export function givenJson(text: string): Json {
  try {
    if (typeof text === 'string' && !text.includes('\n')) return { text, parsed: JSON.parse(text) };
  } catch {
    // Told below.
  }
  return notJson('ok.json(text) takes one line of JSON, as JSON.stringify gives it');
}

const notJson = (message: string): Json => ({
  error: { kind: 'permanent', code: 'NOT_SERIALISABLE', message: cutMessage(message) },
});

function keptOfFailure(
  taken: Taken,
  { thrown }: { thrown: unknown },
  remotes: Remotes | undefined,
): string {
  const record = taken.error === undefined ? jsonOf(taken.row).text : undefined;
  const kept =
    record !== undefined && record.length <= RAW_LIMIT
      ? { record: taken.row }
      : {
          raw: taken.raw.slice(0, RAW_LIMIT),
          ...(taken.raw.length > RAW_LIMIT ? { cut: true } : {}),
        };
  const where = placeOf(taken);
  const { stack, cause } = factsOf(thrown);
  return JSON.stringify({
    ...(where === undefined ? {} : { where }),
    ...kept,
    ...(remotes === undefined ? {} : { remotes }),
    ...(typeof stack === 'string' ? { stack: stack.split('\n').slice(0, 6).join('\n') } : {}),
    ...(cause === undefined ? {} : { cause: toItemError(cause).message }),
  });
}

/** Reading what was thrown may throw: a getter, a revoked proxy. */
function factsOf(thrown: unknown): { stack?: unknown; cause?: unknown } {
  if (typeof thrown !== 'object' || thrown === null) return {};
  try {
    const { stack, cause } = thrown as { stack?: unknown; cause?: unknown };
    return { stack, cause };
  } catch {
    return {};
  }
}

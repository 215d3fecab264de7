import { describe, expect, it } from 'vitest';
import type { HttpError } from '../../../lib/app/serve/http-error.ts';
import { noFields, resumeOf, retryOf, submitOf } from '../../../lib/app/serve/request-fields.ts';

const good = { job: 'odds', inputs: ['a.csv'] };

function faultOf(action: () => unknown): HttpError['fault'] {
  try {
    action();
  } catch (error) {
    expect((error as HttpError).status).toBe(400);
    return (error as HttpError).fault;
  }
  throw new Error('It was taken.');
}

describe('a new batch', () => {
  it('takes what run takes', () => {
    const all = {
      ...good,
      options: { commission: '2%', rounds: 3, exact: true },
      limits: { concurrency: 2, workers: 1, chunk: 10, itemTimeout: '5s', tolerateFailures: '1%' },
      readerOptions: { delimiter: ';' },
      ...{ parallel: 'off', now: '2026-01-31T12:00:00Z', again: true },
    };
    expect(submitOf(all)).toEqual({
      request: {
        ...good,
        options: { commission: '2%', rounds: '3', exact: 'true' },
        limits: all.limits,
        readerOptions: { delimiter: ';' },
        ...{ now: '2026-01-31T12:00:00Z', again: true },
      },
      how: { parallel: 'off' },
    });
  });

  it.each([
    ['job', { ...good, job: undefined }],
    ['job', { ...good, job: '' }],
    ['job', { ...good, job: 7 }],
    ['inputs', { ...good, inputs: [] }],
    ['inputs', { ...good, inputs: 'a.csv' }],
    ['inputs.1', { ...good, inputs: ['a', 1] }],
    ['inputs', { ...good, inputs: ['-'] }],
    ['inputs', { ...good, inputs: Array.from({ length: 1001 }, () => 'a') }],
    ['input', { job: 'odds', input: ['a.csv'] }],
    ['options.deep', { ...good, options: { deep: { no: 1 } } }],
    ['limits.workers', { ...good, limits: { workers: 0 } }],
    ['limits.concurrency', { ...good, limits: { concurrency: 1.5 } }],
    ['limits.chunk', { ...good, limits: { chunk: null } }],
    ['limits.itemTimeout', { ...good, limits: { itemTimeout: '1ms' } }],
    ['limits.itemTimeout', { ...good, limits: { itemTimeout: 'soon' } }],
    ['limits.tolerateFailures', { ...good, limits: { tolerateFailures: 'some' } }],
    ['limits.worker', { ...good, limits: { worker: 1 } }],
    ['readerOptions.encoding', { ...good, readerOptions: { encoding: 'utf7' } }],
    ['parallel', { ...good, parallel: 'yes' }],
    ['now', { ...good, now: 'yesterday' }],
    ['again', { ...good, again: 1 }],
  ])('names the field that is wrong: %s', (field, body) => {
    const fault = faultOf(() => submitOf(JSON.parse(JSON.stringify(body)) as never));
    expect([fault.field, fault.code]).toEqual([field, 'USAGE']);
    expect(fault.message).toContain(field.split('.').at(-1));
  });
});

it('resume takes width, mode and other code; pause and cancel take nothing', () => {
  expect(resumeOf({ limits: { workers: 3 }, acceptCode: true })).toEqual({
    ...{ workers: 3, concurrency: undefined, parallel: undefined },
    ...{ acceptCode: true, currentCode: true },
  });
  expect(faultOf(() => resumeOf({ limits: { chunk: 5 } })).field).toBe('limits.chunk');
  expect(faultOf(() => noFields({ reason: 'x' })).field).toBe('reason');
  noFields({});
});

it('retry takes which items, and its own threshold', () => {
  const body = { codes: ['A'], first: 5, stalled: true, limits: { tolerateFailures: 3 } };
  expect(retryOf(body, 'b-1').request).toMatchObject({
    ...{ batch: 'b-1', tolerateFailures: 3 },
    filter: { codes: ['A'], first: 5, stalled: true },
  });
  expect(faultOf(() => retryOf({ first: 0 }, 'b-1')).field).toBe('first');
});

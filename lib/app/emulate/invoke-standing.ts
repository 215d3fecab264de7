import { SluiceError } from '../../core/errors.ts';
import type { Invocation } from './function-pool.ts';
import type { Standing } from './standing.ts';

/** Runs a function of a standing emulator on an event. Throws a SluiceError `NOT_FOUND` for an unknown one. */
export async function invokeStanding(
  { endpoint }: Standing,
  name: string,
  event: unknown,
): Promise<Invocation> {
  const url = `${endpoint}/2015-03-31/functions/${encodeURIComponent(name)}/invocations`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(event) });
  const answer = await response.text();
  if (response.status === 429) return { did: 'throttled' };
  if (!response.ok)
    throw new SluiceError('NOT_FOUND', (JSON.parse(answer) as { Message: string }).Message);
  if (response.headers.get('x-amz-function-error') === null) return { did: 'answered', answer };
  const { errorType: type, errorMessage: message } = JSON.parse(answer) as Record<string, string>;
  return { did: 'failed', type: type ?? 'Error', message: message ?? answer, died: false };
}

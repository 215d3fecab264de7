import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { addressClass } from '../../core/address-class.ts';
import { wireFault } from './fault.ts';

/** Every address of a name, as `dns.lookup` with `all` gives them. */
export type LookupAll = (
  name: string,
  options: { all: true; family?: number },
  done: (error: Error | null, addresses: { address: string; family: number }[]) => void,
) => void;

export const lookupAll: LookupAll = (name, options, done) =>
  systemLookup(name, { ...options, verbatim: true }, (error, addresses) =>
    done(error, addresses ?? []),
  );

/** Whether a host may be reached wherever it is. */
export const isAllowed = (url: URL, allowHosts: readonly string[]): boolean => {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return allowHosts.includes(url.hostname) || allowHosts.includes(`${url.hostname}:${port}`);
};

/** Throws for an address that the URL itself names: no name is looked up for it. URLs have it in canonical form. */
export function checkLiteral(url: URL): void {
  const kind = addressClass(url.hostname);
  if (kind !== 'invalid' && kind !== 'public') throw refusal(url.hostname, kind);
}

/** A socket must be where the lookup said: whatever connected it, its other end is looked at again. */
export function checkConnected(address: string | undefined): Error | undefined {
  const kind = addressClass(address ?? '');
  return kind === 'public' ? undefined : refusal(address ?? 'nowhere', kind);
}

/**
 * The look-up of guarded sockets: every address of the name must be public, and the socket connects to one of those
 * very addresses. The name is not asked again, so that its answer cannot change in between.
 */
export const guardedLookup =
  (resolve: LookupAll): LookupFunction =>
  (name, options, done) => {
    const family = typeof options.family === 'number' ? options.family : 0;
    resolve(name, { all: true, family }, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) {
        done(error ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0);
        return;
      }
      for (const { address } of addresses) {
        const kind = addressClass(address);
        if (kind === 'public') continue;
        done(refusal(address, kind), '', 0);
        return;
      }
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };

/** The address itself is not in the message: outcomes are read by others than those who run the network. */
const refusal = (host: string, kind: string): Error =>
  wireFault('address', `${kind} address`, { host });

import type { Logger as Powertools } from '@aws-lambda-powertools/logger';
import type { LogFields, Logger } from '../../ports/logger.ts';

/** What Powertools writes itself: it would drop such a field, with a warning a line. */
const RESERVED = new Set(['level', 'message', 'sampling_rate', 'service', 'timestamp']);
const KEPT = new Set(['string', 'number', 'boolean']);

/**
 * A Powertools logger behind our port: a JSON line on stdout (errors and warnings on stderr), with the function's
 * name and request id. Children keep their fields here: a Powertools child reads the environment anew (one per chunk).
 * Only texts, numbers and booleans are written, so that no object can carry a secret along.
 */
export function awsLogger(logger: Powertools): Logger {
  return withFields(logger, {});
}

function withFields(logger: Powertools, own: LogFields): Logger {
  const all = (fields: LogFields = {}): LogFields => ({ ...own, ...allowed(fields) });
  return {
    debug: (message, fields) => logger.debug(message, all(fields)),
    info: (message, fields) => logger.info(message, all(fields)),
    warn: (message, fields) => logger.warn(message, all(fields)),
    error: (message, fields) => logger.error(message, all(fields)),
    child: (fields) => withFields(logger, all(fields)),
    async flush() {
      await Promise.all([process.stdout, process.stderr].map(drained));
    },
  };
}

/** The types are checked when it runs, too: a job written in JavaScript can pass anything. */
function allowed(fields: LogFields): LogFields {
  const kept = Object.entries(fields).filter(([, value]) => KEPT.has(typeof value));
  return Object.fromEntries(
    kept.map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]),
  );
}

const drained = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((done) => {
    // The callback of an empty write comes after all earlier writes, also with a fault (nobody reads).
    stream.write('', () => done());
  });

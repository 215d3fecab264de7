import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from '../../core/errors.ts';
import type { HttpHost, HttpWire } from '../../ports/http.ts';
import { newHttpHost } from '../http-host.ts';

/** The client, a file beside the function's code: half a megabyte that only jobs with `http` need. */
export const HTTP_FILE = 'http.mjs';

/** @param root the folder of the function's code (LAMBDA_TASK_ROOT) */
export const cloudHttp = (root: string): HttpHost =>
  newHttpHost(async () => {
    try {
      return (await import(pathToFileURL(join(root, HTTP_FILE)).href)) as { openWire(): HttpWire };
    } catch (error) {
      throw new SluiceError('BAD_JOB', `The worker has no ${HTTP_FILE} that can be loaded.`, {
        hint: 'Build and deploy the stack again: it is put beside each job that has http.',
        cause: error,
      });
    }
  });

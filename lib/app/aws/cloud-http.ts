import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UnavailableError } from '../../core/errors.ts';
import type { HttpHost } from '../../engine/http-env.ts';
import { type HttpModule, newHttpHost } from '../http-host.ts';

/** The client, a file beside the function's code: 300 KB that only jobs with `http` need. */
export const HTTP_FILE = 'http.mjs';

/** @param root the folder of the function's code (LAMBDA_TASK_ROOT) */
export const cloudHttp = (root: string): HttpHost =>
  newHttpHost(async () => {
    try {
      return (await import(pathToFileURL(join(root, HTTP_FILE)).href)) as HttpModule;
    } catch (error) {
      // Nobody's item is to blame: the batch pauses.
      const message = `The worker has no ${HTTP_FILE} that can be loaded: build and deploy the stack again.`;
      throw new UnavailableError(message, { code: 'NO_HTTP', retry: false, cause: error });
    }
  });

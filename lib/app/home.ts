import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type LocalCheckpointStore,
  openLocalCheckpointStore,
} from '../adapters/local/checkpoint-store.ts';
import { systemClock } from '../adapters/local/clock.ts';
import { localHost } from '../adapters/local/host.ts';
import { type LocalLogger, localLogger } from '../adapters/local/logger.ts';
import { type LocalObjectStore, localObjectStore } from '../adapters/local/object-store.ts';
import { SluiceError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Host } from '../ports/host.ts';

/** Everything under one folder (`.sluice/`): checkpoints, objects, job bundles, logs. */
export interface Home {
  folder: string;
  /** Where job bundles lie. */
  jobs: string;
  clock: Clock;
  host: Host;
  store: LocalCheckpointStore;
  objects: LocalObjectStore;
  log: LocalLogger;
  close(): Promise<void>;
}

/** Opens a home, making it if need be. Several processes may have one open. */
export async function openHome(path: string): Promise<Home> {
  const folder = resolve(path);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SluiceError('STORE', `Cannot make the home folder ${path}: ${reasonOf(folder)}.`, {
      hint: 'Choose a folder that you may write with --home.',
      cause: error,
    });
  }
  const store = await openLocalCheckpointStore(join(folder, 'sluice.db'));
  const log = localLogger({ folder: join(folder, 'logs') });
  return {
    folder,
    jobs: join(folder, 'jobs'),
    clock: systemClock(),
    host: localHost(),
    store,
    objects: localObjectStore(folder),
    log,
    async close() {
      await store.close();
      await log.close();
    },
  };
}

/** Node 20 calls a read-only disk ENOENT when it may make parents too; the plain call gives the reason. */
function reasonOf(folder: string): string {
  try {
    mkdirSync(folder);
    return 'it was made by another process meanwhile';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}

import type { Job } from '../core/job.ts';
import { walkFolders } from '../io/walk/walk-folders.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { keepHeapSmall } from './own-process.ts';
import { boundSource } from './sources.ts';
import { type InputOpener, storedInputOpener } from './stored-input.ts';

/** Opens the stored input of batches over files of this machine. */
export const inputOpener = (objects: ObjectStore, job: Job): InputOpener =>
  storedInputOpener({
    ...{ objects, job, bind: boundSource },
    walk: (pins, options, after) => {
      keepHeapSmall();
      return walkFolders({ roots: pins.map(({ name }) => name), options, after });
    },
  });

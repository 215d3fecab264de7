import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { checkKey } from '../../adapters/aws/object-key.ts';
import { isDiscovering } from '../../core/discovery.ts';
import { SluiceError } from '../../core/errors.ts';
import { isManifestName } from '../../io/manifest.ts';
import { walkFolders } from '../../io/walk/walk-folders.ts';
import { pinInput } from '../input-paths.ts';
import { bundleJob } from '../job-file.ts';
import { loadJob } from '../load-job.ts';
import { resolveRoots } from '../roots.ts';
import { resolveInputs } from '../sources.ts';

/** What becomes one batch: a file, or a manifest with the files that it names. */
export interface EmulatedUpload {
  file: string;
  /** Its name below `inbox/<job>/`. */
  name: string;
  /** Of a manifest: the files that are uploaded before it, in its order. */
  objects?: readonly { file: string; key: string }[];
  /** What the manifest names in their place: the prefix of folders, for a job that finds its files. */
  prefix?: string;
}

/** Whether a job finds its files; a job that cannot be bundled or loaded is told of by whoever starts it. */
export async function findsFiles(job: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-job-'));
  try {
    const { file } = await bundleJob(job, folder);
    return isDiscovering((await loadJob(file)).input);
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What lies below folders goes below `data/found/`, and a manifest that names that prefix is one batch. */
export async function planFolders(inputs: readonly string[]): Promise<EmulatedUpload[]> {
  const { name, sources } = await resolveRoots(inputs);
  const roots = sources.map((root) => root.name);
  const options = { include: [], exclude: [], dot: true, ignoreCase: false, followLinks: true };
  const objects: { file: string; key: string }[] = [];
  for await (const { item, place } of walkFolders({ roots, options })) {
    for (const [folder, names] of item.files ?? []) {
      for (const one of names) {
        const file = join(folder, one);
        const below = relative(dirname(roots[place.root] as string), file);
        objects.push({ file, key: `data/found/${place.root + 1}/${below}` });
      }
    }
  }
  for (const { key } of objects) checkKey(key);
  const manifest = `${name.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}.manifest.jsonl`;
  return [{ file: manifest, name: manifest, objects, prefix: 'data/found/' }];
}

/**
 * What a person named as `sluice submit` takes it: files, folders and patterns, a batch for each file. A manifest names
 * files of this machine, as for `sluice run`: they go below `data/`, and the manifest, which is one batch, names them
 * there. Nothing is uploaded yet. Throws `NOT_FOUND`, `BAD_INPUT`, `INPUT_CHANGED` (a manifest that is not right) and
 * `USAGE` (standard input, two files of one name).
 */
export async function planEmulated(inputs: readonly string[]): Promise<EmulatedUpload[]> {
  if (inputs.includes('-')) {
    throw new SluiceError('USAGE', 'emulate run takes files; standard input (-) is none.', {
      hint: 'Write it to a file first: its length must be known.',
    });
  }
  const { sources } = await resolveInputs(inputs, { manifests: 'as files' });
  const uploads: EmulatedUpload[] = [];
  const seen = new Map<string, string>();
  for (const { name: file } of sources) {
    const name = basename(file);
    const other = seen.get(name);
    if (other !== undefined) {
      throw new SluiceError('USAGE', `${other} and ${file} would be one object, ${name}.`, {
        hint: 'Rename one of them, or run them one after the other.',
      });
    }
    seen.set(name, file);
    checkKey(`inbox/${name}`);
    uploads.push(isManifestName(file) ? await manifestUpload(file, name) : { file, name });
  }
  return uploads;
}

/** Numbered, since files of several folders may have one name. */
async function manifestUpload(file: string, name: string): Promise<EmulatedUpload> {
  const pins = await pinInput(file, {});
  const objects = pins.map((pin, at) => {
    const key = `data/${name}/${at + 1}-${basename(pin.name)}`;
    checkKey(key);
    return { file: pin.name, key };
  });
  return { file, name, objects };
}

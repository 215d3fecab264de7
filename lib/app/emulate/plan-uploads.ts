import { basename } from 'node:path';
import { checkKey } from '../../adapters/aws/object-key.ts';
import { SluiceError } from '../../core/errors.ts';
import { isManifestName } from '../../io/manifest.ts';
import { pinInput } from '../input-paths.ts';
import { resolveInputs } from '../sources.ts';

/** What becomes one batch: a file, or a manifest with the files that it names. */
export interface EmulatedUpload {
  file: string;
  /** Its name below `inbox/<job>/`. */
  name: string;
  /** Of a manifest: the files that are uploaded before it, in its order. */
  objects?: readonly { file: string; key: string }[];
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

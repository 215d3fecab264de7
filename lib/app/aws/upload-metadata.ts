import { SluiceError } from '../../core/errors.ts';

/** S3 user guide, "Working with object metadata": user-defined metadata, names and values together. */
const METADATA_BYTES = 2048;
/** Names that `uploadPlan` takes as Sluice's own; the others are options of the job. */
const OWN = new Set([
  'now',
  'concurrency',
  'chunk',
  'tolerate',
  'max-record-bytes',
  'encoding',
  'delimiter',
]);

export interface MetadataSource {
  /** Sluice's own options by their names in the metadata; undefined ones are left out. */
  own: Readonly<Record<string, string | undefined>>;
  /** The job's options. */
  options: Readonly<Record<string, string>>;
}

/**
 * An upload's metadata. Metadata travels in HTTP headers: names come back in lower case, values other than
 * printable ASCII come back changed or not at all. Throws `USAGE` for what would not come through.
 */
export function uploadMetadata({ own, options }: MetadataSource): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    checkOption(name, value);
    metadata[`sluice-${name}`] = value;
  }
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined) metadata[`sluice-${name}`] = value;
  }
  const bytes = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  if (bytes <= METADATA_BYTES) return metadata;
  throw new SluiceError(
    'USAGE',
    `The options of an upload may have ${METADATA_BYTES} bytes in all; got ${bytes}.`,
    { hint: 'S3 keeps them as metadata of the object. Shorten their values.' },
  );
}

function checkOption(name: string, value: string): void {
  if (OWN.has(name)) {
    throw new SluiceError('USAGE', `--option ${name} is an option of Sluice's own.`, {
      hint: `Give it as --${name}.`,
    });
  }
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) {
    throw new SluiceError(
      'USAGE',
      `--option ${name}: a name must be lower-case letters, digits, dots and dashes.`,
      { hint: 'S3 keeps it as a name of metadata, in lower case. Rename the option in the job.' },
    );
  }
  if (!/^[\x20-\x7e]*$/.test(value) || value !== value.trim() || value === '') {
    throw new SluiceError(
      'USAGE',
      `--option ${name}: its value must be printable ASCII without blanks around it; got '${value}'.`,
      { hint: 'S3 keeps it as metadata, in an HTTP header.' },
    );
  }
}

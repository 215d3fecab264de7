import type { FileMetaData, RowGroup, SchemaElement, SchemaTree } from 'hyparquet';
import type { RandomSource } from '../core/reader.ts';
import { buffer } from './layout.ts';

/** A Parquet file as its footer tells it. */
export interface Footer {
  groups: RowGroup[];
  /** Columns in their order, with what their values mean. */
  columns: SchemaTree[];
  /** For decoding alone: the schema without meanings, so that values come as they are stored. */
  bare: FileMetaData;
}

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
/** Magic, the footer's length, magic. */
const LEAST_BYTES = 12;
const CODECS = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4', 'LZ4_RAW']);

type Hyparquet = typeof import('hyparquet');

/** Reads the footer; or why the file as a whole cannot be read, to go on after its name. */
export async function readFooter(
  { parquetMetadataAsync, parquetSchema }: Hyparquet,
  { bytes, read }: RandomSource,
): Promise<Footer | string> {
  if (bytes < LEAST_BYTES) return `is no Parquet file: it has ${bytes} bytes`;
  const head = buffer(await read(0, 4)).toString('latin1');
  const tail = buffer(await read(bytes - 4, bytes)).toString('latin1');
  if (head === ENCRYPTED || tail === ENCRYPTED) return encrypted('its footer');
  if (head !== MAGIC) {
    return `is no Parquet file: it begins with ${JSON.stringify(head)}, not with ${MAGIC}`;
  }
  if (tail !== MAGIC) {
    return `is cut: it begins with ${MAGIC} but does not end with it, and what tells where its rows lie stands at the end. Fetch it again`;
  }
  let metadata: FileMetaData;
  // What the source itself throws is no fault of the bytes: it goes on to whoever asked.
  let refused: unknown;
  const slice = async (start: number, end = bytes): Promise<ArrayBuffer> => {
    try {
      return arrayBuffer(await read(start, end));
    } catch (error) {
      refused = error;
      throw error;
    }
  };
  try {
    metadata = await parquetMetadataAsync({ byteLength: bytes, slice }, { geoparquet: false });
  } catch (error) {
    if (refused !== undefined) throw refused;
    return `has a damaged footer (${(error as Error).message})`;
  }
  return checked(metadata, parquetSchema);
}

/** Bytes with a buffer of their own: decoders look at all of it. */
export const arrayBuffer = ({ buffer: whole, byteOffset, byteLength }: Uint8Array): ArrayBuffer =>
  byteOffset === 0 && byteLength === whole.byteLength
    ? (whole as ArrayBuffer)
    : (whole.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);

const encrypted = (what: string): string =>
  `is encrypted (${what}): encrypted Parquet cannot be read; write it anew without encryption`;

function checked(metadata: FileMetaData, schemaOf: Hyparquet['parquetSchema']): Footer | string {
  const columns = schemaOf(metadata).children;
  const problem = columnsProblem(columns) ?? groupsProblem(metadata.row_groups);
  if (problem !== undefined) return problem;
  const bare = { ...metadata, schema: metadata.schema.map(bareElement) };
  return { groups: metadata.row_groups, columns, bare };
}

/** Lists keep their mark, by which the decoder takes their levels together. */
function bareElement({ converted_type, logical_type, ...element }: SchemaElement): SchemaElement {
  const isList = converted_type === 'LIST' || logical_type?.type === 'LIST';
  return isList && element.num_children ? { ...element, converted_type: 'LIST' } : element;
}

function columnsProblem(columns: readonly SchemaTree[]): string | undefined {
  const seen = new Set<string>();
  for (const { element, children, path } of columns) {
    const column = `column ${JSON.stringify(path.join('.'))}`;
    if (seen.has(element.name)) return `has ${column} twice: rename one`;
    seen.add(element.name);
    if (element.logical_type?.type === 'VARIANT') {
      return `has ${column} of type VARIANT, which cannot be read: write it as text or as a struct`;
    }
    const inside = columnsProblem(children);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

function groupsProblem(groups: readonly RowGroup[]): string | undefined {
  for (const [number, { columns }] of groups.entries()) {
    for (const [at, { meta_data: facts, file_path: file, ...chunk }] of columns.entries()) {
      const place = `of row group ${number + 1}`;
      const name = JSON.stringify(facts?.path_in_schema.join('.') ?? `${at + 1}`);
      if (chunk.crypto_metadata !== undefined || chunk.encrypted_column_metadata !== undefined) {
        return encrypted(`column ${name}`);
      }
      if (facts === undefined) return `has no facts about column ${name} ${place}`;
      if (file) return `keeps column ${name} in another file, ${file}: give that file`;
      if (!CODECS.has(facts.codec)) {
        return `has column ${name} compressed by ${facts.codec ?? 'a codec that is not known'}, which cannot be read: write it with one of ${[...CODECS].join(', ')}`;
      }
    }
  }
  return undefined;
}

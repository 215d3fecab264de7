import type { ItemError } from './errors.ts';
import type { Job } from './job.ts';
import type { Reader } from './reader.ts';
import { checkStages, type Stage } from './stage.ts';
import type { EachStep } from './step.ts';

/** A file that `files()` found, as it was when it was listed. */
export interface FoundFile {
  /** The root's absolute path and the path below it, with `/` between; of an object `s3://bucket/key`. */
  path: string;
  /** Bytes. */
  size: number;
  /** When its content was last changed: whole milliseconds since 1970. */
  mtime: number;
  /** Of an object, without quotes. */
  etag?: string;
}

/** What a walk takes, all set. */
export interface WalkOptions {
  /** Patterns of which one must match the path below the root; none: every file. */
  include: readonly string[];
  /** Patterns of which none may match it, nor a folder above it. */
  exclude: readonly string[];
  /** Also names that begin with a dot. */
  dot: boolean;
  ignoreCase: boolean;
  followLinks: boolean;
}

/** An entry that is listed without its facts: no stage gets it, and its outcome says why. */
export interface MissedFile {
  path: string;
  problem: Pick<ItemError, 'code' | 'message'>;
}

export const isMissed = (row: unknown): row is MissedFile =>
  typeof row === 'object' && row !== null && 'problem' in row;

/** One item of the discovering stage: up to 1,000 files, or one entry that cannot be walked. */
export interface WalkItem {
  /** Of this machine: a folder's path and names in it. */
  files?: readonly (readonly [folder: string, names: readonly string[]])[];
  /** Of a bucket, as they were listed. */
  objects?: readonly FoundFile[];
  problem?: { path: string; code: string; message: string };
}

/** A reader whose items are found by a stage of their own, in front of the job's. */
export type DiscoveringReader<R = unknown> = Reader<R> &
  Required<Pick<Reader<R>, 'walk' | 'discover'>>;

export const isDiscovering = (input: Reader): input is DiscoveringReader =>
  input.discover !== undefined && input.walk !== undefined;

type Definition = Pick<Job, 'name' | 'input' | 'key' | 'process' | 'steps'>;

/**
 * A job whose first stage is its input's own. `process` or steps are a stage of their own behind that; the job's key
 * names the files, which are the items of the second stage. Throws `BAD_JOB`.
 */
export function discoveringJob(
  { key, process, steps, ...parts }: Definition,
  given: readonly Stage[] | undefined,
): object {
  const work = steps === undefined ? { process: process as EachStep } : { steps };
  const own = given ?? [{ sluice: 'each/1', name: 'process', ...work } as Stage];
  const [first, ...rest] = own as readonly [Stage, ...Stage[]];
  // It is an each: a groupBy is no first stage, and a file that goes while it is found fails here.
  const named = first.key === undefined && key !== undefined;
  const discover = parts.input.discover as unknown as Stage;
  const stages = [discover, named ? { ...first, key } : first, ...rest];
  checkStages(parts.name, stages);
  return { ...parts, stages, sluice: 'job/1' };
}

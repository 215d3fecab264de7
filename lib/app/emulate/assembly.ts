import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import { templateFault } from './faults.ts';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = Record<string, Json>;

/** One resource of a template, as CloudFormation reads it. */
export interface Resource {
  Type: string;
  Properties?: JsonObject;
  Condition?: string;
}

export interface Template {
  Resources: Record<string, Resource>;
  Parameters?: Record<string, { Type?: string; Default?: Json }>;
  Mappings?: Record<string, Record<string, Record<string, Json>>>;
  Conditions?: Record<string, Json>;
  Outputs?: Record<string, { Value: Json; Description?: string; Condition?: string }>;
}

/** One stack that `cdk synth` left: its template, and the folder of each file asset by its object key. */
export interface StackAssembly {
  name: string;
  template: Template;
  assets: ReadonlyMap<string, string>;
}

interface Artifact {
  type: string;
  properties?: { templateFile?: string; file?: string; stackName?: string };
  displayName?: string;
}

/**
 * Reads a cloud assembly (the folder that a CDK app writes). `stack` names one where there are several.
 * Throws a SluiceError `NOT_FOUND` for a folder or stack that is not there, `BAD_INPUT` for one that cannot be used.
 */
export function readAssembly(folder: string, stack?: string): StackAssembly {
  const manifest = readJson<{ artifacts?: Record<string, Artifact> }>(
    join(folder, 'manifest.json'),
    'Give the output folder of a CDK app: the one that holds manifest.json.',
  );
  const artifacts = Object.entries(manifest.artifacts ?? {});
  const nested = artifacts.find(([, { type }]) => type === 'cdk:cloud-assembly');
  if (nested !== undefined) {
    throw templateFault(`The CDK app has a stage (${nested[0]}): the emulator runs a plain stack.`);
  }
  const stacks = artifacts
    .filter(([, { type }]) => type === 'aws:cloudformation:stack')
    .map(([id, { properties }]) => ({ name: properties?.stackName ?? id, properties }));
  const chosen = stack === undefined ? stacks : stacks.filter(({ name }) => name === stack);
  const [only] = chosen;
  if (only?.properties?.templateFile === undefined || chosen.length > 1) {
    const names = stacks.map(({ name }) => name).join(', ') || 'none';
    throw new SluiceError(
      'NOT_FOUND',
      stack === undefined
        ? `The CDK app in ${folder} must have one stack; it has: ${names}.`
        : `The CDK app in ${folder} has no stack '${stack}'; it has: ${names}.`,
    );
  }
  const template = readJson<Template>(join(folder, only.properties.templateFile));
  const assetFiles = artifacts
    .filter(([, { type }]) => type === 'cdk:asset-manifest')
    .map(([, { properties }]) => join(folder, properties?.file ?? ''));
  return { name: only.name, template, assets: new Map(assetFiles.flatMap(assetsOf(folder))) };
}

interface AssetFile {
  source?: { path?: string; packaging?: string };
  destinations?: Record<string, { objectKey?: string }>;
}

/** Object key -> folder or file of the asset. */
const assetsOf =
  (folder: string) =>
  (file: string): [string, string][] =>
    Object.values(readJson<{ files?: Record<string, AssetFile> }>(file).files ?? {}).flatMap(
      ({ source, destinations }) =>
        Object.values(destinations ?? {}).flatMap(({ objectKey }): [string, string][] =>
          source?.path === undefined || objectKey === undefined
            ? []
            : [[objectKey, resolve(folder, source.path)]],
        ),
    );

/** The folder of a function's code, by the object key that its template names. */
export function assetFolder(assembly: StackAssembly, key: string, logicalId: string): string {
  const folder = assembly.assets.get(key);
  if (folder === undefined) {
    throw templateFault(`The code of function ${logicalId} (${key}) is no asset of this CDK app.`);
  }
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw templateFault(
      `The code of function ${logicalId} is not a folder: ${folder}.`,
      'The emulator runs assets that are folders; synthesise again if it was cleaned away.',
    );
  }
  return folder;
}

function readJson<T>(file: string, hint?: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ENOENT';
    throw new SluiceError(
      missing ? 'NOT_FOUND' : 'BAD_INPUT',
      missing ? `There is no file ${file}.` : `${file} is not JSON.`,
      { cause, ...(hint === undefined ? {} : { hint }) },
    );
  }
}

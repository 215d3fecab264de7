import type { BuildOptions } from 'esbuild';

export const FUNCTIONS: readonly string[];
export function functionBuild(name: string): BuildOptions;
export function httpBuild(): BuildOptions;
export function buildAll(): Promise<void>;

import type { Settings } from './options.ts';

/** What differs from stage to stage. */
export interface StageSettings
  extends Pick<
    Settings,
    | 'concurrency'
    | 'workers'
    | 'prefetch'
    | 'chunk'
    | 'itemTimeoutMs'
    | 'tries'
    | 'retryBaseMs'
    | 'retryMaxMs'
  > {
  name: string;
  /** Its items are groups. */
  groupBy?: true;
}

/** Whether the items of a stage are groups: they begin when the stage before is done, and nobody knows how many there are. */
export const hasGroups = ({ stages }: Pick<Settings, 'stages'>, stage: number): boolean =>
  stages?.[stage]?.groupBy === true;

/** From this stage on a later round works whole, and replaces what was; Infinity where nothing is grouped. */
export function firstGroups({ stages }: Pick<Settings, 'stages'>): number {
  const at = stages?.findIndex(({ groupBy }) => groupBy === true) ?? -1;
  return at === -1 ? Number.POSITIVE_INFINITY : at;
}

/** The settings of one stage. */
export const stageSettings = (settings: Settings, stage: number): Settings => ({
  ...settings,
  ...settings.stages?.[stage],
});

/** Settings with the same change made to every stage. */
export const forStages = (
  settings: Settings,
  change: (one: Settings, stage: number) => Partial<Settings>,
): Settings => ({
  ...settings,
  ...change(settings, 0),
  ...(settings.stages === undefined
    ? {}
    : {
        stages: settings.stages.map((own, at) => ({
          ...own,
          ...change(stageSettings(settings, at), at),
        })) as StageSettings[],
      }),
});

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

import type { Edit } from './bundle.ts';
import type { Tune } from './config.ts';

const FLOW = 'lib/engine/step-flow.ts';
const RUN = 'lib/engine/run-group.ts';

/** Groups that chunk borders, deaths and hand-backs cut short. */
const GROUPED: Tune = {
  shape: 'cloud',
  gentle: false,
  items: 40,
  chunk: 7,
  concurrency: 2,
  itemMs: 3_000,
  fickle: false,
  hangs: false,
  stages: 1,
  killer: undefined,
  polls: undefined,
  quota: undefined,
  groups: { size: 4, behind: false },
  cancelAt: undefined,
  rates: { crashAfter: 0.02 },
};
/** Bugs of steps and groups. */
export const GROUP_BUGS: readonly { name: string; tune: Tune; edits: Edit[] }[] = [
  {
    name: 'a failing row fails its group',
    tune: GROUPED,
    edits: [
      {
        file: RUN,
        find: "if (places.length === 1 || end.status === 'stalled' || over || back) {",
        replace: 'if (places.length > 0) {',
      },
    ],
  },
  {
    name: 'rows of a group are recorded before its call',
    tune: GROUPED,
    edits: [
      {
        file: FLOW,
        find: '      return full === undefined ? undefined : this.#call(full);',
        replace: `      const ended = { status: 'ok', value: rider.value } as Ended;
      if (full === undefined) this.#endRow(rider, ended, this.clock.monotonic());
      return full === undefined ? undefined : this.#call(full);`,
      },
    ],
  },
  {
    name: 'results of a group go by places that a resume moves',
    tune: GROUPED,
    edits: [
      {
        file: FLOW,
        find: 'const end = answer.ended[place] as Ended;',
        replace: `const moved = rider.ordinal % (this.#env.steps[at] as { size: number }).size;
      const end = (answer.ended[moved] ?? answer.ended[place]) as Ended;`,
      },
    ],
  },
  {
    name: 'results of half a group are taken for those of the whole',
    tune: GROUPED,
    edits: [
      {
        file: RUN,
        find: 'const result = results[at] as GroupResult | undefined;',
        replace: 'const result = results[place] as GroupResult | undefined;',
      },
    ],
  },
];

import type { Bench, Context, Measured } from './support.ts';
import { against, count, figure, row } from './table.ts';

export const statusBench: Bench = {
  name: 'status',
  about: 'a large batch, interrupted half-way (wanted: status < 100 ms, first new commit < 1 s)',
  async run(context) {
    const { options, scratch, size, table, say } = context;
    const items = size(options.items, 525_000, 5000);
    const chunk = 100;
    const { home, done } = scratch.newHome();
    const [job, input] = [await scratch.noopJob(), await scratch.lines(items)];
    const spec = { root: scratch.root, home, job, input, items, chunk };
    try {
      const rows = await interrupted(context, spec);
      table(rows, [
        figure('chunks', 'chunks'),
        figure('commits', 'commits'),
        figure('status ms', 'statusMs', 2),
        figure('first commit ms', 'firstMs'),
        figure('of the call ms', 'callMs'),
      ]);
      const of = (name: string, value: string) => row(rows, name).figures[value] ?? Number.NaN;
      const chunks = count(of('status', 'chunks'));
      say(`status of ${chunks} planned chunks, ms: ${against(of('status', 'statusMs'), '<', 100)}`);
      const first = of('resume', 'firstMs');
      say(`process start to first new commit, ms: ${against(first, '<', 1000, 0)}`);
    } finally {
      done();
    }
  },
};

/** The batch is interrupted once; each round then asks it and resumes it for one commit. */
async function interrupted(
  { measure }: Context,
  spec: { items: number; home: string },
): Promise<Measured[]> {
  const n = spec.items;
  const [first] = await measure([{ name: 'run to half', n, task: 'interrupt', spec }], 1);
  const rest = await measure([
    { name: 'status', n, task: 'status', spec },
    { name: 'resume', n, task: 'resume', spec },
  ]);
  return first === undefined ? rest : [first, ...rest];
}

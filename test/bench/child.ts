// The measured process: one task of a bench, with its spec as JSON; figures on the last line of stdout.
// Each task is loaded by itself, so that none carries another's code.
export type Figures = Record<string, number>;
type Task = (spec: never) => Promise<Figures>;

const TASKS: Readonly<Record<string, () => Promise<Task>>> = {
  runner: async () => (await import('./tasks/runner.ts')).runnerTask,
  csv: async () => (await import('./tasks/csv.ts')).csvTask,
  commits: async () => (await import('./tasks/commits.ts')).commitsTask,
  batch: async () => (await import('./tasks/batch.ts')).batchTask,
  interrupt: async () => (await import('./tasks/status.ts')).interruptTask,
  status: async () => (await import('./tasks/status.ts')).statusTask,
  resume: async () => (await import('./tasks/status.ts')).resumeTask,
  failing: async () => (await import('./tasks/retry.ts')).failingTask,
  retry: async () => (await import('./tasks/retry.ts')).retryTask,
  'bare-sqlite': async () => (await import('./tasks/bare-sqlite.ts')).bareSqliteTask,
  sample: async () => (await import('./tasks/sample.ts')).sampleTask,
  'bare-http': async () => (await import('./tasks/http.ts')).bareHttpTask,
  'careful-http': async () => (await import('./tasks/http.ts')).carefulHttpTask,
  recipes: async () => (await import('./tasks/recipes.ts')).recipesTask,
  'plain-walk': async () => (await import('./tasks/plain-walk.ts')).plainWalkTask,
  music: async () => (await import('./tasks/music.ts')).musicScanTask,
  'music-loop': async () => (await import('./tasks/music.ts')).musicLoopTask,
  'music-naive': async () => (await import('./tasks/music.ts')).musicNaiveTask,
  bullmq: async () => (await import('./tasks/bullmq.ts')).bullmqTask,
};

const [name = '', spec = '{}'] = process.argv.slice(2);
const load = TASKS[name];
if (load === undefined) throw new Error(`There is no task ${name}.`);
const task = await load();
console.log(JSON.stringify(await task(JSON.parse(spec) as never)));

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryCheckpointStore } from '../../lib/adapters/memory/checkpoint-store.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/object-store.ts';
import type { WalkItem } from '../../lib/core/discovery.ts';
import type { Job } from '../../lib/core/job.ts';
import { type ReportFile, reportKey } from '../../lib/core/keys.ts';
import type { Cut } from '../../lib/core/records.ts';
import type { Report } from '../../lib/core/report.ts';
import { batchState } from '../../lib/engine/status.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { defineJob, each, files, groupBy, ok, PermanentError } from '../../lib/index.ts';
import { walkFolders } from '../../lib/io/walk/walk-folders.ts';
import { openWalkInput } from '../../lib/io/walk/walk-input.ts';
import { ALL, inFolder, makeFiles, plainWalk } from '../io/walk/trees.ts';
import { memoryWorld, type WorldOptions } from '../support/memory-engine.ts';

/** Items of three files, so that a small tree has many of them. */
function walked(root: string, options: Omit<WorldOptions, 'rows' | 'input'> = {}, job = sizes()) {
  const after = options.after ?? { store: memoryCheckpointStore(), objects: memoryObjectStore() };
  const input = openWalkInput({
    ...{ objects: after.objects, batch: 'test-batch', items: options.limits?.chunk ?? 2 },
    walk: (from) =>
      walkFolders({ roots: [root], options: ALL, after: from, sizes: { files: 3, entries: 99 } }),
  });
  return { input, world: memoryWorld(job, { rows: [], ...options, after, input }) };
}

const sizes = (): Job =>
  defineJob(
    { name: 'sizes', input: files(), key: ({ path }) => path },
    each({ name: 'size', process: ({ path, size }) => ok(`${path} ${size}`) }),
    each({ name: 'last', process: (line) => ok(line) }),
  ) as Job;

const PATHS = Array.from({ length: 50 }, (_, at) => `${at % 4}/${at % 5}/${at}`);

type World = ReturnType<typeof walked>['world'];

const objectOf = async (world: World, round: number, file: ReportFile): Promise<string> =>
  Buffer.from((await world.engine.objects.get(reportKey(world.id, round, file))) ?? []).toString();

const reportOf = async (world: World, round: number): Promise<Report> =>
  JSON.parse(await objectOf(world, round, 'report.json')) as Report;

const keysOf = (outcomes: string, stage: RegExp): (string | null)[] =>
  outcomes
    .split('\n')
    .filter((line) => stage.test(line))
    .map((line) => (JSON.parse(line) as { key: string | null }).key);

describe('a job that finds its files', () => {
  it('lists each once, in order, whatever the chunks and the workers', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const seen = new Set<string>();
      for (const [chunk, workers] of [
        [1, 1],
        [2, 5],
        [1000, 3],
      ] as const) {
        const { world, input } = walked(root, { limits: { chunk, workers } });
        await world.start();
        await world.run();
        const report = await world.report();
        expect(report).toMatchObject({ status: 'done', failed: 0 });
        expect(report.stages?.map(({ name, total }) => [name, total])).toEqual([
          ['discover', 17],
          ['size', 50],
          ['last', 50],
        ]);
        const outcomes = await world.outcomes();
        seen.add(outcomes);
        expect(keysOf(outcomes, /"status":"ok","value":"\/.* \d+"/).slice(0, 50)).toEqual(
          plainWalk(root),
        );
        const verdict = await verifyBatch(world.engine, await world.batch(), input);
        expect(verdict).toMatchObject({ problems: [], skipped: [] });
        expect(verdict.checked).toContain('input digest');
      }
      expect(seen.size).toBe(1);
    }));

  it('takes process and steps as a stage behind it', () =>
    inFolder(async (root) => {
      makeFiles(root, ['a', 'b']);
      const job = defineJob({
        name: 'plain',
        input: files(),
        key: ({ path }) => path.slice(-1),
        process: ({ size }) => ok(size),
      }) as Job;
      const { world } = walked(root, {}, job);
      await world.start();
      await world.run();
      expect((await world.report()).stages?.map(({ name }) => name)).toEqual([
        'discover',
        'process',
      ]);
      expect(await world.outcomes()).toContain('"index":1,"key":"b","status":"ok","value":1}');
    }));

  it('a file that goes before it is looked at is one failed item, and nothing else is lost', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const { world, input } = walked(root);
      const cuts = input.cuts.bind(input);
      input.cuts = async function* (cursor) {
        for await (const cut of cuts(cursor)) {
          rmSync(join(root, '0/0/20'), { force: true });
          yield cut;
        }
      };
      await world.start();
      await world.run();
      expect(await world.report()).toMatchObject({ status: 'done', failed: 1, ok: 17 + 49 + 49 });
      const failure = JSON.parse(await world.file('failures.jsonl')) as object;
      expect(failure).toMatchObject({ stage: 1, error: { code: 'FILE_GONE' } });
      expect(JSON.stringify(failure)).toContain(`${root}/0/0/20: it was there`);
    }));

  it('works files while folders are still walked', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const { world, input } = walked(root, { limits: { chunk: 2 } });
      let first: (() => void) | undefined;
      const worked = new Promise<void>((resolve) => {
        first = resolve;
      });
      const cuts = input.cuts.bind(input);
      input.cuts = async function* (cursor) {
        let count = 0;
        for await (const cut of cuts(cursor)) {
          count += 1;
          // The walk goes on only after a file went through the last stage.
          if (count === 5) await worked;
          yield cut;
        }
      };
      await world.start();
      const run = world.run();
      for (let last = 0; last === 0; ) {
        await world.engine.clock.sleep(2);
        const state = await batchState(world.engine.store, world.id);
        last = state?.stages?.[2]?.doneItems ?? 0;
        expect(state?.totalItems).toBeUndefined();
      }
      first?.();
      await run;
      expect(await world.report()).toMatchObject({ status: 'done', ok: 117 });
    }));
});

class Crash extends Error {}

describe('crashes and other planners', () => {
  it('a process that dies anywhere leaves the same outcomes', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const calm = walked(root).world;
      await calm.start();
      await calm.run();
      const expected = await calm.outcomes();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 3 }),
          async (crashes) => {
            let after: WorldOptions['after'];
            for (const calls of [...crashes, Number.POSITIVE_INFINITY]) {
              let left = calls;
              const onCall = (): void => {
                left -= 1;
                if (left <= 0) throw new Crash();
              };
              const { world } = walked(root, { onCall, ...(after && { after }) });
              after = world.raw;
              try {
                await world.start();
                await world.takeUp();
                await world.run();
                expect(await world.outcomes()).toBe(expected);
              } catch (error) {
                if (!(error instanceof Crash)) throw error;
              }
            }
          },
        ),
        { numRuns: process.env['SLUICE_FULL'] ? 300 : 12 },
      );
    }));

  it('two planners that see different trees never mix what they saw', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const { world, input } = walked(root);
      const cuts = input.cuts.bind(input);
      let planners = 0;
      input.cuts = async function* (cursor) {
        planners += 1;
        const own = planners;
        // Each planner makes a file of its own in every folder just before it looks.
        for await (const cut of cuts(cursor)) {
          makeFiles(root, [`${own % 4}/${own % 5}/new-${own}`]);
          yield cut;
        }
      };
      await world.start();
      for (let more = 0; more < 3; more += 1) {
        await world.engine.queue.send('orchestrator', [
          { message: { v: 1, step: 'plan', batch: world.id, round: 0 } as never },
        ]);
      }
      await Promise.all([world.run(), world.run(), world.run()]);
      const report = await world.report();
      expect(report).toMatchObject({ status: 'done', failed: 0 });
      expect(planners).toBeGreaterThan(1);
      const listed = keysOf(await world.outcomes(), /"status":"ok","value":"\/.* \d+"/);
      const files = listed.slice(0, listed.length / 2) as string[];
      expect(new Set(files).size).toBe(files.length);
      expect([...files].sort()).toEqual(files);
      for (const path of PATHS) expect(files).toContain(join(root, path));
      expect((await verifyBatch(world.engine, await world.batch(), input)).problems).toEqual([]);
    }));
});

describe('a retry of a job that finds its files', () => {
  it('looks again at a file that was gone', () =>
    inFolder(async (root) => {
      const seen = new Set<string>();
      for (const chunk of [1, 3, 1000]) {
        makeFiles(root, PATHS);
        const { world, input } = walked(root, { limits: { chunk } });
        const cuts = input.cuts.bind(input);
        input.cuts = async function* (cursor) {
          // All folders are read before a file goes that was in one.
          const all: Cut[] = [];
          for await (const cut of cuts(cursor)) all.push(cut);
          for (const path of ['0/0/20', '1/1/1']) rmSync(join(root, path), { force: true });
          yield* all;
        };
        await world.start();
        await world.run();
        expect(await world.report()).toMatchObject({ failed: 2 });
        makeFiles(root, ['0/0/20']);
        await world.retry();
        await world.run();
        // The other one is still gone, and says so anew.
        const again = await reportOf(world, 1);
        expect(again).toMatchObject({ status: 'done', failed: 1, resolved: 1, ok: 17 + 49 + 49 });
        const failure = await objectOf(world, 1, 'failures.jsonl');
        expect(JSON.parse(failure)).toMatchObject({ round: 1, error: { code: 'FILE_GONE' } });
        expect(failure).toContain(`${root}/1/1/1: it was there`);
        makeFiles(root, ['1/1/1']);
        await world.retry();
        await world.run();
        expect(await reportOf(world, 2)).toMatchObject({ failed: 0, resolved: 2, ok: 117 });
        const last = keysOf(await world.outcomes(), /"stage":1/);
        expect([...last].sort()).toEqual(plainWalk(root).sort());
        expect((await verifyBatch(world.engine, await world.batch(), input)).problems).toEqual([]);
        // What discover gives holds times of files that were made anew.
        seen.add(
          (await world.outcomes())
            .split('\n')
            .filter((line) => line.includes('"stage":'))
            .join('\n'),
        );
      }
      expect(seen.size).toBe(1);
    }));

  it('reads a failed item of discover from its piece of the walk', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      const seen = new Set<string>();
      for (const chunk of [1, 2, 1000]) {
        const job = sizes();
        const [discover] = job.stages as unknown as [
          { process(row: WalkItem, context: never): unknown },
        ];
        const process = discover.process;
        let down = true;
        discover.process = (item, context) => {
          const [folder] = item.files?.[0] ?? [''];
          if (down && folder.endsWith('/1/1')) throw new PermanentError('away', { code: 'AWAY' });
          return process(item, context);
        };
        const { world, input } = walked(root, { limits: { chunk } }, job);
        await world.start();
        await world.run();
        const { failed } = await world.report();
        expect(failed).toBeGreaterThan(0);
        down = false;
        const { list } = await world.retry();
        expect(list.toString()).toContain('"walk":"');
        await world.run();
        expect(await reportOf(world, 1)).toMatchObject({ failed: 0, resolved: failed, ok: 117 });
        const files = keysOf(await world.outcomes(), /"stage":1/);
        expect([...files].sort()).toEqual(plainWalk(root).sort());
        expect((await verifyBatch(world.engine, await world.batch(), input)).problems).toEqual([]);
        seen.add(await world.outcomes());
      }
      expect(seen.size).toBe(1);
    }));
});

describe('a retry of a job that groups the files it found', () => {
  it('walks nothing again, and groups as if no file had failed', () =>
    inFolder(async (root) => {
      makeFiles(root, PATHS);
      let mended = false;
      const job = defineJob(
        { name: 'folders', input: files(), key: ({ path }) => path },
        each({
          name: 'look',
          process({ path }) {
            if (!mended && /[37]$/.test(path)) throw new PermanentError('unreadable');
            return ok(path);
          },
        }),
        groupBy({
          name: 'folders',
          key: (path) => path.slice(0, path.lastIndexOf('/')),
          process: async (group) => ok(await group.list()),
        }),
      ) as Job;
      const { world } = walked(root, {}, job);
      await world.start();
      await world.run();
      expect((await world.report()).failed).toBe(10);
      mended = true;
      // What is there now is no file of this batch.
      makeFiles(root, ['0/0/new']);
      await world.retry();
      await world.run();
      expect(await reportOf(world, 1)).toMatchObject({ status: 'done', failed: 0, resolved: 10 });
      const last = (await world.outcomes())
        .split('\n')
        .map((line) => JSON.parse(line) as { stage?: number; key: string; value: string[] })
        .filter(({ stage }) => stage === 2);
      const walk = plainWalk(root).filter((path) => !path.endsWith('new'));
      expect(last.flatMap(({ value }) => value).sort()).toEqual(walk.sort());
      expect(last).toHaveLength(20);
      expect((await verifyBatch(world.engine, await world.batch(), undefined)).problems).toEqual(
        [],
      );
    }));
});

describe('files() refuses', () => {
  it('a groupBy right behind it, and says what to do', () => {
    const define = defineJob as (definition: object) => unknown;
    const stages = [groupBy({ name: 'a', key: String, process: () => ok(1) })];
    expect(() => define({ name: 'grouped', input: files(), stages })).toThrow(
      "Job grouped: stage 'a' is a groupBy: put an each({...}) before it that gives its rows.",
    );
  });

  it.each([
    [{ includes: '*.mp3' }, 'files() has no option "includes".'],
    [{ include: 5 }, 'option include takes patterns, which are texts; got 5'],
    [{ exclude: [''] }, 'option exclude takes patterns, which are texts; got ""'],
    [{ include: '!a' }, "begins with '!': give exclude the rest of it"],
    [{ exclude: ['/abs/**'] }, "begins with '/' or '.'; got \"/abs/**\""],
    [{ include: ['./a'] }, "begins with '/' or '.'"],
    [{ dot: 'yes' }, 'option dot must be true or false; got "yes"'],
  ])('%j', (options, message) => {
    expect(() => files(options as never)).toThrow(message);
  });

  it('a stage of the name of its own', () => {
    expect(() =>
      defineJob({ name: 'two', input: files() }, each({ name: 'discover', process: () => ok(1) })),
    ).toThrow("two stages have the name 'discover'");
    expect(() => defineJob({ name: 'none', input: files(), process: undefined as never })).toThrow(
      'has no process(row, ctx)',
    );
  });
});

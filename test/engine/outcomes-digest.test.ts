import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../lib/core/job.ts';
import { partKey } from '../../lib/core/keys.ts';
import { hasOwnBlocks, newLineBlocks, newOutcomesDigest } from '../../lib/engine/digest-blocks.ts';
import { reportState } from '../../lib/engine/finalise.ts';
import { items } from '../../lib/engine/items.ts';
import { assemblePart, type Section } from '../../lib/engine/part.ts';
import { passOverParts } from '../../lib/engine/pass-over-parts.ts';
import { getPart, rawSection, trailerOf } from '../../lib/engine/read-part.ts';
import type { ReportState } from '../../lib/engine/report-files.ts';
import { verifyBatch } from '../../lib/engine/verify.ts';
import { defineJob, each, groupBy, ndjson, ok, PermanentError } from '../../lib/index.ts';
import { digestOfLines } from '../support/digest-of-lines.ts';
import { copyStores, memoryWorld } from '../support/memory-engine.ts';

/** Blocks of a chunk as its worker makes them: text comes in pieces of whole lines. */
function blocksOf(lines: readonly string[], piece: number): Buffer {
  const digests: Buffer[] = [];
  const blocks = newLineBlocks((digest) => digests.push(digest));
  for (let at = 0; at < lines.length; at += piece) {
    blocks.update(Buffer.from(lines.slice(at, at + piece).join('')));
  }
  const rest = blocks.rest();
  return Buffer.concat(rest ? [...digests, rest] : digests);
}

const chunkSizes = fc.array(
  fc.oneof(fc.constantFrom(0, 1000, 2000, 3000), fc.integer({ min: 0, max: 2500 })),
  { minLength: 1, maxLength: 6 },
);
const stage = fc.record({
  sizes: chunkSizes,
  saved: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
});

it('is that of the lines, however they were cut, and whoever made the blocks', () => {
  fc.assert(
    fc.property(
      fc.array(stage, { maxLength: 3 }),
      fc.integer({ min: 1, max: 1500 }),
      (all, piece) => {
        const digest = newOutcomesDigest();
        const texts = all.map(({ sizes, saved }, at) => {
          const lines: string[] = [];
          for (const [chunk, items] of sizes.entries()) {
            const own = Array.from({ length: items }, (_, row) => `${at}:${lines.length + row}\n`);
            const part = {
              ...{ stage: at, before: lines.length, items, last: chunk === sizes.length - 1 },
              blocks: saved[chunk] === true ? undefined : blocksOf(own, piece),
            };
            digest.add(part, hasOwnBlocks(part) ? undefined : Buffer.from(own.join('')));
            lines.push(...own);
          }
          return lines.join('');
        });
        expect(digest.hex()).toBe(digestOfLines(texts));
      },
    ),
  );
});

it('needs no lines of chunks that begin and end with a block, nor of the last one', () => {
  const part = (before: number, items: number, last = false) => ({
    ...{ stage: 0, before, items, last },
    blocks: Buffer.alloc(32 * Math.ceil(items / 1000)),
  });
  expect(hasOwnBlocks(part(0, 2000))).toBe(true);
  expect(hasOwnBlocks(part(2000, 250, true))).toBe(true);
  expect(hasOwnBlocks(part(2000, 250))).toBe(false);
  expect(hasOwnBlocks(part(2050, 1000))).toBe(false);
  expect(hasOwnBlocks({ ...part(0, 2000), blocks: undefined })).toBe(false);
  expect(hasOwnBlocks({ ...part(0, 2000), blocks: Buffer.alloc(32) })).toBe(false);
});

const spread = (chunk: number): Job =>
  defineJob(
    { name: 'spread', input: ndjson(), limits: { chunk, workers: 2 } },
    each({
      name: 'spread',
      process: (row) => {
        if (Number(row) % 97 === 5) throw new PermanentError(`no ${row}`, { code: 'NO' });
        return ok({ k: Number(row) % 7, row });
      },
    }),
    groupBy({ name: 'gather', key: ({ k }) => `${k}`, process: ({ key }) => ok(key) }),
  ) as Job;

async function worked(rows: number, chunk: number) {
  const world = memoryWorld(spread(chunk), { rows: Array.from({ length: rows }, (_, at) => at) });
  await world.start();
  await world.run();
  return world;
}

it('of a batch is that of its outcomes, the same at any chunk size', async () => {
  const digests = new Set<string>();
  for (const chunk of [2000, 1000, 700, 370]) {
    const world = await worked(2300, chunk);
    const { digests: said } = await world.report();
    digests.add(said.outcomes);
    const texts = ['', ''];
    for await (const { outcome, facts } of items(world.raw, await world.batch(), {})) {
      const { index, ...line } = outcome;
      // A group's line has no index.
      texts[facts.stage ?? 0] += `${JSON.stringify(facts.stage ? line : { index, ...line })}\n`;
    }
    expect(said.outcomes).toBe(digestOfLines(texts));
  }
  expect(digests.size).toBe(1);
});

describe('of a large batch', () => {
  let world: Awaited<ReturnType<typeof worked>>;
  beforeAll(async () => {
    world = await worked(10_100, 1000);
  });

  async function passed(stores: typeof world.raw, recompute: boolean) {
    const state = (await reportState(stores, await world.batch(), 'done')) as ReportState;
    const pass = passOverParts(stores, state, { recompute });
    const texts = ['', '', ''];
    const drain = async (body: AsyncIterable<Buffer>, at: number) => {
      for await (const piece of body) texts[at] += piece.toString();
    };
    await Promise.all([drain(pass.manifest, 0), drain(pass.failures, 1), drain(pass.log, 2)]);
    return { failures: texts[1] as string, digest: pass.totals().outcomesDigest };
  }

  it('is made without its outcomes, and so are its failures', async () => {
    const quick = await passed(world.raw, false);
    expect(quick).toEqual(await passed(world.raw, true));
    expect(quick.digest).toBe((await world.report()).digests.outcomes);
    expect(quick.failures).toBe(await world.file('failures.jsonl'));
    const lines = quick.failures.trim().split('\n');
    expect(lines).toHaveLength(105);
    expect(JSON.parse(lines[1] as string)).toMatchObject({
      ...{ index: 102, key: '102', status: 'failed', record: 102 },
      error: { code: 'NO', message: 'no 102' },
    });
    expect((await verifyBatch(world.raw, await world.batch(), undefined)).problems).toEqual([]);
  });

  it('is made anew by verify, whatever a part says of its lines', async () => {
    const stores = await copyStores(world.raw, world.id);
    const key = partKey({ batch: world.id, round: 0, stage: 0, chunk: 2 }, 1);
    const part = await getPart(stores.objects, key);
    const section = (of: Section) => [Buffer.from(rawSection(part, of))];
    const { sha256: _, v: __, ...facts } = trailerOf(key, part);
    const wrong = { ...facts, blocks: Buffer.alloc(32).toString('base64') };
    const sections = [section('outcomes'), section('attempts'), section('log')] as const;
    await stores.objects.put(key, Buffer.concat(assemblePart(sections, wrong)));
    const right = (await passed(world.raw, false)).digest;
    expect((await passed(stores, false)).digest).not.toBe(right);
    expect((await passed(stores, true)).digest).toBe(right);
  });
});

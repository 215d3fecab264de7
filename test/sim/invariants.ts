import { createHash } from 'node:crypto';
import type { RecordKey, StoredRecord } from '../../lib/core/change.ts';
import { partKey, shuffleKey } from '../../lib/core/keys.ts';
import { windowOf } from '../../lib/core/options.ts';
import type { OpenPoll } from '../../lib/core/poll.ts';
import { hasEnded, isCancel } from '../../lib/core/transitions.ts';
import { FOOT_BYTES } from '../../lib/engine/part.ts';
import { rawSection, sectionsOf, trailerOf } from '../../lib/engine/read-part.ts';
import { mostInWindow } from '../support/rolling-window.ts';
import type { SimProcess } from './process.ts';
import { indexAt, placeOf, type RoundItems, roundItems } from './round-items.ts';
import { gunzipSync } from './stored-zlib.ts';
import { BATCH, stageIn, type Truth } from './truth.ts';
import type { World } from './world.ts';

export interface Changed {
  key: RecordKey;
  before: StoredRecord | undefined;
  after: StoredRecord;
  process: SimProcess;
}

/** What is asked of every event; DESIGN section 3 and PROTOCOL section 3 by name. */
export interface Invariants {
  changed(change: Changed): void;
  stored(object: { key: string; bytes: Uint8Array; process: SimProcess }): void;
  itemStarts(process: SimProcess, index: number, at: { round: number; stage?: number }): void;
  itemEnds(process: SimProcess, stage?: number): void;
  /** A call of the remote that the quota is for, at this very moment. */
  called(): void;
  /** Work of an item is submitted to a remote, or asked for. */
  submits(process: SimProcess, of: { index: number; round: number }): void;
  asks(process: SimProcess, of: { index: number; round: number; id: string }): void;
  /** A process died or was given up: what it had in flight does not count any more. */
  left(process: SimProcess): void;
  attemptOpens(attempt: OpenAttempt): void;
  attemptCloses(attempt: OpenAttempt): void;
  messages(own: number): void;
  /** Items (`round/index`) that were named when an attempt at their chunk died or was given up, with how often. */
  readonly blamed: ReadonlyMap<string, number>;
  /** Outcome lines of each chunk (`round/chunk`) as they were when it was committed. */
  readonly committed: ReadonlyMap<string, string>;
  /** Outcome lines of all chunks of a round, in order, as far as they are committed. */
  rows(round: number, stage?: number): string;
  /** When the batch ended for good, virtual ms. */
  endedAt(): number | undefined;
}

export interface OpenAttempt {
  process: SimProcess;
  round: number;
  stage: number;
  chunk: number;
  epoch: number;
  /** It may start no more items: its lease is over, or it knows that it was overtaken. */
  lost(): boolean;
}

type Range = { first?: number; count?: number };

/** Chunks and items of the first stage have the names that they have without stages. */
export const chunkName = (round: number, chunk: number, stage = 0): string =>
  stage === 0 ? `${round}/${chunk}` : `${round}/${chunk} of stage ${stage}`;
export const itemName = chunkName;

/** Of a live attempt, after the halt is in the stage record. */
const PAUSE_MS = 65_000;
const CANCEL_MS = 13_000;
/** The longest time between a read and the claim that goes by it, with every fault of a call. */
const READ_MS = 60_000;
const MAX_RECORD = 8_192;
/** The marks and counters of the few chunks of a simulated world. */
const MAX_TALLY = 1_100;

export function newInvariants(world: World, truth: Truth): Invariants {
  const { config } = world;
  const window = config.shape === 'cloud' ? windowOf(config) : 2 * config.workers + 2;
  const cap = config.workers * config.concurrency;
  const blamed = new Map<string, number>();
  const committed = new Map<string, string>();
  const reports = new Map<string, string>();
  const open = new Set<OpenAttempt>();
  /** Items in flight by stage, and those of each process. */
  const live: number[] = [];
  const inFlight = new Map<SimProcess, number[]>();
  const flightOf = (process: SimProcess): number[] => {
    const known = inFlight.get(process) ?? [];
    inFlight.set(process, known);
    return known;
  };
  const calls: number[] = [];
  const halts: ({ at: number; halt: string; round: number } | undefined)[] = [];
  let endedAt: number | undefined;
  let codeChangedAt = 0;
  const must = (right: boolean, what: () => string): void => {
    if (!right) world.violate(what());
  };
  const roundOf = ({ key }: Changed): number => Number(key.sort.slice(1, 5));
  const stageOf = ({ key }: Changed): number => Number(key.sort.slice(6, 8));
  const rows = (round: number, stage = 0): string => {
    let text = '';
    for (let chunk = 0; truth.chunk(round, chunk, stage) !== undefined; chunk += 1) {
      text += committed.get(chunkName(round, chunk, stage)) ?? '';
    }
    return text;
  };
  const itemsOf = (round: number, stage: number): RoundItems =>
    roundItems({ truth, stages: config.stages, groupAt: config.groupAt, rows }, round)[
      stage
    ] as RoundItems;
  const chunkOf = (round: number, index: number, stage: number): number => {
    if (round === 0 && stage === 0) return Math.floor(index / config.chunk);
    for (let chunk = 0; stage === config.groupAt; chunk += 1) {
      const record = truth.chunk(round, chunk, stage);
      if (record === undefined || index < (record['end'] as number)) return chunk;
    }
    const place = placeOf(itemsOf(round, stage), index);
    for (let chunk = 0; ; chunk += 1) {
      const record = truth.chunk(round, chunk, stage) as Required<Range> | undefined;
      if (record === undefined) return -1;
      if (place < record.first + record.count) return chunk;
    }
  };
  /** Polls of the chunk's saved rows; undefined where another attempt has the chunk. */
  const savedPolls = (
    process: SimProcess,
    { index, round }: { index: number; round: number },
  ): (OpenPoll[] & { place: number }) | undefined => {
    const chunk = chunkOf(round, index, 0);
    const record = truth.chunk(round, chunk);
    const mine = [...open].some((attempt) => {
      const same = attempt.process === process && attempt.round === round;
      return same && attempt.chunk === chunk && attempt.epoch === record?.['epoch'];
    });
    if (!mine || process.dead || process.zombie || record === undefined) return undefined;
    const place = placeOf(itemsOf(round, 0), index);
    const of = { place: place - (record['first'] as number) };
    const key = record['part'] as string | undefined;
    const bytes = key === undefined ? undefined : truth.objects.get(key);
    if (bytes === undefined) return Object.assign([], of);
    const sections = sectionsOf(key ?? '', bytes.subarray(bytes.length - FOOT_BYTES), bytes.length);
    return Object.assign([...(trailerOf(key ?? '', { bytes, sections }).polls ?? [])], of);
  };
  const grows = (name: string, { key, before, after }: Changed): void => {
    const [old, now] = [before?.[name] ?? 0, after[name] ?? 0] as [number, number];
    must(now >= old, () => `${name} of ${key.sort} fell from ${old} to ${now}`);
  };
  const constant = (names: readonly string[], { key, before, after }: Changed): void => {
    if (before === undefined) return;
    for (const name of names) {
      must(before[name] === undefined || before[name] === after[name], () => {
        return `${name} of ${key.sort} changed from ${before[name]} to ${after[name]}`;
      });
    }
  };

  const stageChanged = (change: Changed): void => {
    const { before, after } = change;
    const [round, number] = [roundOf(change), stageOf(change)];
    for (const name of ['planned', 'rel', 'haltVer', 'low']) grows(name, change);
    constant(['sealed', 'inputDigest', 'fault'], change);
    const [rel, planned] = [after['rel'], after['planned']] as [number, number];
    must(rel <= planned, () => `released ${rel} of ${planned} planned chunks`);
    if (before !== undefined && before['rel'] !== rel) {
      const done = truth.marks(round, number);
      must(rel - done <= window, () => `released ${rel} with ${done} committed: window ${window}`);
      must(before['halt'] === undefined, () => `released although halted by ${before['halt']}`);
    }
    if (isCancel(before?.['halt'])) {
      must(isCancel(after['halt']), () => `a ${before?.['halt']} was taken back`);
      must(before?.['planned'] === planned, () => 'planned after a cancel');
    }
    const halt = after['halt'] as string | undefined;
    if (halt !== halts[number]?.halt || round !== halts[number]?.round) {
      halts[number] = halt === undefined ? undefined : { at: world.now(), halt, round };
    }
  };

  const chunkChanged = (change: Changed): void => {
    const { key, before, after, process } = change;
    const chunk = Number(key.sort.split('/')[2]);
    const [round, number] = [roundOf(change), stageOf(change)];
    const stage = truth.stage(round, number);
    constant(['source', 'start', 'end', 'first', 'count', 'to', 'last', 'epochs'], change);
    for (const name of ['epoch', 'cursor']) grows(name, change);
    const cursor = after['cursor'] as number;
    // How many groups a chunk has is not in its record.
    const count = (after['count'] ?? Number.POSITIVE_INFINITY) as number;
    must(cursor <= count, () => `cursor ${cursor} beyond ${key.sort}`);
    const claimed = before !== undefined && after['epoch'] !== before['epoch'];
    if (!claimed) return;
    if (process.zombie) world.hit('zombieClaims');
    must(chunk < (stage?.['rel'] as number), () => `chunk ${chunk} claimed, not released`);
    if (!isCancel(stage?.['halt'])) {
      const resumeAt = before['resumeAt'] as number;
      must(resumeAt <= process.clock.now(), () => `chunk ${chunk} claimed before its resumeAt`);
    }
    // A lease of 0 was given back; a late repeat of one's own claim only costs the attempt its saves.
    const held = (before['lease'] as number) > 0 ? open : [];
    for (const attempt of held) {
      if (attempt.round !== round || attempt.chunk !== chunk) continue;
      if (attempt.stage !== number) continue;
      if (attempt.process === process) continue;
      if (attempt.process.dead || attempt.process.zombie) continue;
      must(attempt.lost(), () => {
        return `${process.id} claimed chunk ${chunk} over the live attempt of ${attempt.process.id}`;
      });
    }
    const [code, since] = [truth.batch()?.['digest'], world.now() - codeChangedAt];
    // Whoever read the batch before a resume accepted other code may claim a moment after.
    const mayRun =
      code === process.digest || process.zombie || isCancel(stage?.['halt']) || since < READ_MS;
    must(mayRun, () => `${process.id} claims chunk ${chunk} with other code than the batch's`);
    blame(change);
  };

  /** A claim that finds an item named: an earlier attempt went away while it was in it. */
  const blame = (change: Changed): void => {
    const named = change.before?.['named'] as number | undefined;
    if (named === undefined) return;
    const round = roundOf(change);
    const place = (change.after['first'] as number) + named;
    const stage = stageOf(change);
    const item = itemName(round, indexAt(itemsOf(round, stage), place), stage);
    blamed.set(item, (blamed.get(item) ?? 0) + 1);
  };

  const tallyChanged = (change: Changed): void => {
    const { key, before, after } = change;
    constant(
      Object.keys(after).filter((name) => /^m\d+$/.test(name)),
      change,
    );
    const marks = Object.keys(after).filter((name) => /^m\d+$/.test(name));
    must((after['n'] ?? 0) === marks.length, () => {
      return `${key.sort} counts ${after['n']} chunks and has ${marks.length} marks`;
    });
    must(JSON.stringify(after).length <= MAX_TALLY, () => `${key.sort} is larger than 1 KB`);
    for (const name of marks) {
      if (before?.[name] !== undefined) continue;
      commitSeen(change, Number(key.sort.split('/')[2]) * 100 + Number(name.slice(1)));
    }
  };

  const commitSeen = (change: Changed, chunk: number): void => {
    const { before, after } = change;
    const [round, number] = [roundOf(change), stageOf(change)];
    const status = truth.batch()?.['status'];
    must(round === truth.batch()?.['round'], () => `chunk ${chunk} of round ${round} committed`);
    must(!hasEnded(status) && status !== 'ending', () => `chunk ${chunk} committed when ${status}`);
    must(
      chunk < (truth.stage(round, number)?.['rel'] as number),
      () => `chunk ${chunk} committed, not released`,
    );
    const epoch = after[`m${chunk % 100}`] as number;
    const key = partKey({ ...stageIn(round, number), chunk }, epoch);
    const bytes = truth.objects.get(key);
    if (bytes === undefined) {
      world.violate(`chunk ${chunk} committed without its part`);
      return;
    }
    const beside = shuffleKey({ ...stageIn(round, number), chunk }, epoch);
    must(
      number + 1 !== config.groupAt || truth.objects.has(beside),
      () => `chunk ${chunk} committed without what is grouped`,
    );
    const sections = sectionsOf(key, bytes.subarray(bytes.length - FOOT_BYTES), bytes.length);
    const part = { bytes, sections };
    committed.set(
      chunkName(round, chunk, number),
      gunzipSync(rawSection(part, 'outcomes')).toString(),
    );
    for (const [name, items] of Object.entries(trailerOf(key, part).counts)) {
      const added = ((after[name] ?? 0) as number) - ((before?.[name] ?? 0) as number);
      must(added === items, () => `chunk ${chunk} added ${added} ${name}, its part has ${items}`);
    }
  };

  const roundStarts = (before: StoredRecord, after: StoredRecord): void => {
    const round = after['round'] as number;
    codeChangedAt = world.now();
    endedAt = undefined;
    truth.retryDue = round < (config.retry?.rounds ?? 0);
    must(hasEnded(before['status']), () => `round ${round} began when ${before['status']}`);
    must(after['expires'] === undefined, () => `round ${round} began, and will expire`);
    must(after['stop'] === 'none', () => `round ${round} began with stop ${after['stop']}`);
    for (let stage = 0; stage < config.stages; stage += 1) {
      const there = truth.stage(round, stage) !== undefined;
      must(there, () => `round ${round} began without its stage ${stage}`);
    }
    const listed = truth.records.get('live')?.get(BATCH)?.['round'] as number;
    must(listed >= round, () => `round ${round} began, the list is at round ${listed}`);
  };

  /** What is listed as ended is not swept any more. */
  const liveChanged = ({ after }: Changed): void => {
    const batch = truth.batch();
    if (batch === undefined || after['round'] !== batch['round']) return;
    must(!hasEnded(after['status']) || hasEnded(batch['status']), () => {
      return `the list says ${after['status']}, the batch is ${batch['status']}`;
    });
  };

  const batchChanged = (change: Changed): void => {
    const { before, after } = change;
    grows('ver', change);
    grows('round', change);
    if (before !== undefined && before['round'] !== after['round']) {
      roundStarts(before, after);
      return;
    }
    if (after['stop'] === 'threshold' && before?.['stop'] !== 'threshold') world.hit('threshold');
    if (after['digest'] !== before?.['digest']) codeChangedAt = world.now();
    constant(['id', 'startedAt', 'now', 'settings', 'input', 'end', 'options'], change);
    if (hasEnded(before?.['status'])) {
      const same = { ...after, expires: undefined };
      const was = { ...before, expires: undefined };
      must(JSON.stringify(same) === JSON.stringify(was), () => 'the ended batch record changed');
    } else if (hasEnded(after['status'])) endedAt = world.now();
  };

  return {
    blamed,
    committed,
    rows,
    endedAt: () => (truth.retryDue ? undefined : endedAt),
    changed(change) {
      const { key, before, after, process } = change;
      const size = JSON.stringify(after).length;
      must(size < MAX_RECORD, () => `${key.sort} has ${size} bytes`);
      // A quota's record belongs to no batch: it says itself when it is of no use.
      const ofBatch = key.batch !== 'quota';
      if (ofBatch && after['expires'] !== before?.['expires'] && after['expires'] !== undefined) {
        // Records of an earlier round: a finaliser of that round may be late, and the next end marks them anew.
        const ofRound = /^[SCTE]/.test(key.sort);
        const earlier = ofRound && roundOf(change) < (truth.batch()?.['round'] as number);
        must(
          earlier || hasEnded(truth.batch()?.['status']),
          () => `${key.sort} expires, not finished`,
        );
      }
      if (key.batch === 'live') liveChanged(change);
      if (key.batch !== BATCH) return;
      const batchVersion = truth.batch()?.['v'] ?? 1;
      must(process.version >= (batchVersion as number), () => {
        return `${process.id} changed ${key.sort} of a batch of version ${batchVersion}`;
      });
      if (key.sort === 'B') batchChanged(change);
      else if (key.sort[0] === 'S') stageChanged(change);
      else if (key.sort[0] === 'C') chunkChanged(change);
      else if (key.sort[0] === 'T') tallyChanged(change);
    },
    stored({ key, bytes }) {
      const there = truth.objects.get(key);
      const isReport = /\/r\d+\/[^/]+$/.test(key);
      if (isReport) {
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const first = reports.get(key) ?? sha256;
        reports.set(key, first);
        must(first === sha256, () => `finalised again, ${key} differs`);
        return;
      }
      if (there === undefined || !/\/(parts|saved|shuffle)\//.test(key)) return;
      must(Buffer.compare(there, bytes) === 0, () => `${key} was overwritten`);
    },
    itemStarts(process, index, { round, stage = 0 }) {
      // What a process still does in the very turn in which it died is no part of the world.
      if (process.dead) return;
      const own = flightOf(process);
      own[stage] = (own[stage] ?? 0) + 1;
      if (process.zombie) return;
      const now = (live[stage] ?? 0) + 1;
      live[stage] = now;
      must(now <= cap, () => `${now} items of stage ${stage} in flight, the cap is ${cap}`);
      const chunk = chunkOf(round, index, stage);
      must(
        truth.mark(round, chunk, stage) === undefined,
        () => `item ${index} runs, its chunk is committed`,
      );
      const halted = halts[stage];
      if (halted?.round !== round) return;
      const since = world.now() - halted.at;
      // A look at the stage comes every 5 s; one that fails or takes long is followed by another.
      const troubled = process.troubledAt >= halted.at - CANCEL_MS;
      const bound = halted.halt === 'pause' || troubled ? PAUSE_MS : CANCEL_MS;
      must(since <= bound, () => `item ${index} starts ${since} ms after the ${halted?.halt}`);
    },
    called() {
      const { quota } = config;
      if (quota === undefined) return;
      world.hit('quotaCall');
      // It is counted when it arrives: half a second later at most.
      calls.push(world.now() + world.between(0, 499));
      const most = mostInWindow(calls, quota.ms);
      must(
        most <= quota.calls,
        () => `${most} calls in ${quota.ms} ms: ${quota.calls} are allowed`,
      );
    },
    submits(process, of) {
      const saved = savedPolls(process, of);
      const again = saved?.find(({ at }) => at === saved.place);
      must(again === undefined, () => `item ${of.index} is submitted, ${again?.id} was saved`);
    },
    asks(process, of) {
      const saved = savedPolls(process, of);
      const known = saved?.some(({ at, id }) => at === saved.place && id === of.id) ?? true;
      must(known, () => `item ${of.index} asks for its work, which is not saved`);
    },
    itemEnds(process, stage = 0) {
      const own = flightOf(process);
      if ((own[stage] ?? 0) === 0) return;
      own[stage] = (own[stage] as number) - 1;
      if (!process.zombie) live[stage] = (live[stage] ?? 0) - 1;
    },
    left(process) {
      for (const [stage, items = 0] of flightOf(process).entries()) {
        live[stage] = (live[stage] ?? 0) - items;
      }
      inFlight.delete(process);
    },
    attemptOpens(attempt) {
      open.add(attempt);
    },
    attemptCloses(attempt) {
      open.delete(attempt);
    },
    messages(own) {
      const bound = 5 * window + 5;
      must(own <= bound, () => `${own} messages for chunks that are not committed: ${bound}`);
    },
  };
}

import type { Edit } from './bundle.ts';
import { FAULT_KINDS, type Tune } from './config.ts';
import { GROUP_BUGS } from './group-bugs.ts';
import { GROUP_BY_BUGS, GROUP_ROUND_BUGS } from './group-by-bugs.ts';
import { STAGE_ROUND_BUGS } from './stage-round-bugs.ts';

/** A bug that the simulator must find: one of PROTOCOL section 5, DESIGN section 8, or one that it did find. */
export interface Bug {
  name: string;
  edits: Edit[];
  /** A world in which it can show, for bugs that one seed in thousands would expose. */
  tune?: Tune;
}

const bug = (name: string, file: string, [find, replace]: [string, string]): Bug => ({
  name,
  edits: [{ file, find, replace }],
});
const tuned = (tune: Tune, planted: Bug): Bug => ({ ...planted, tune });
const savedLate = (name: string): Bug => ({
  name,
  edits: [
    {
      file: SAVES,
      find: 'const { counts } = await attempt.write(key);',
      replace: "const { counts } = await attempt.write(key + '.early');",
    },
    {
      file: SAVES,
      find: '    if (applied && part !== undefined) await',
      replace: '    await attempt.write(key);\n    if (applied && part !== undefined) await',
    },
  ],
});

const WORK = 'lib/engine/work-chunk.ts';
const RELEASE = 'lib/engine/release-more.ts';
const STAGES = 'lib/engine/settle-stages.ts';
const STAGE_PLAN = 'lib/engine/plan-stage.ts';
const PARTS = 'lib/core/cut-parts.ts';
const SWEEP = 'lib/engine/sweep.ts';
const PLAN = 'lib/engine/plan-chunks.ts';
const CAREFUL = 'lib/engine/careful.ts';
const SAVES = 'lib/engine/save-rows.ts';
const ATTEMPT = 'lib/engine/attempt.ts';
const FINALISE = 'lib/engine/finalise.ts';
const PASS = 'lib/engine/pass-over-parts.ts';
const WHEN = 'lib/core/transitions.ts';
const KEYS = 'lib/core/keys.ts';
const INBOX = 'lib/app/aws/inbox-event.ts';
const ROUND = 'lib/engine/start-round.ts';
const ROUND_WHEN = 'lib/core/round-transitions.ts';
const QUOTA = 'lib/core/quota.ts';
const QUOTA_WHEN = 'lib/core/quota-transitions.ts';
const ITEM_QUOTA = 'lib/engine/item-quota.ts';

/** Nobody dies, but every fourth answer is lost: what is not repeated, or not waited for, never comes. */
const LOST_ANSWERS: Tune = {
  shape: 'cloud',
  gentle: true,
  killer: undefined,
  cancelAt: undefined,
  rates: { ackLost: 0.25, messageDuplicated: 0 },
};
/** Functions whose clocks differ call a remote as fast as they may. */
const QUOTED: Tune = {
  shape: 'cloud',
  gentle: false,
  items: 40,
  chunk: 4,
  workers: 4,
  itemMs: 50,
  hangs: false,
  quota: { calls: 1, ms: 600 },
  cancelAt: undefined,
  pauseAt: undefined,
  rates: { slow: 0.05, ackLost: 0.1 },
};
/** One chunk, no sweeper, and functions that die: what was thrown back must be enough to go on. */
const REDELIVERED: Tune = {
  shape: 'cloud',
  gentle: true,
  items: 3,
  chunk: 7,
  cancelAt: undefined,
  rates: { crashAfter: 0.03 },
};
const CANCELLED: Tune = { shape: 'cloud', cancelAt: 4_000, itemMs: 1_500, killer: undefined };
const ZOMBIES: Tune = {
  shape: 'cloud',
  gentle: false,
  workers: 1,
  prefetch: 0,
  chunk: 5,
  items: 40,
  itemMs: 9_000,
  reserve: false,
  killer: undefined,
  cancelAt: undefined,
  pauseAt: undefined,
  rates: { stall: 0.05, messageLost: 0, crashBefore: 0.01, messageDuplicated: 0.4 },
};

/** Three stages, of which the second gives several items and none. */
const STAGED: Tune = {
  stages: 3,
  groupAt: undefined,
  items: 40,
  chunk: 3,
  cancelAt: undefined,
  changedAt: undefined,
  tolerate: undefined,
};
const STAGED_GENTLY: Tune = { ...STAGED, gentle: true };

/** Killers and zombies: careful mode names and saves, and is overtaken. */
const CAREFUL_DEATHS: Tune = {
  shape: 'cloud',
  gentle: false,
  items: 40,
  chunk: 7,
  itemMs: 3_000,
  cancelAt: undefined,
  pauseAt: undefined,
  rates: { stall: 0.04, crashAfter: 0.02 },
};
/** Saves whose first request lands after the client's own repeat. */
const LATE_SAVES: Tune = {
  ...CAREFUL_DEATHS,
  rates: { ...CAREFUL_DEATHS.rates, lateRequest: 0.1 },
};
/** Chunks that outlive the budget, in functions that die. */
const HAND_BACKS: Tune = {
  shape: 'cloud',
  gentle: false,
  items: 40,
  chunk: 7,
  concurrency: 1,
  itemMs: 9_000,
  cancelAt: undefined,
  rates: { crashAfter: 0.04 },
};

/** Items that wait for a remote, in functions that die. */
const POLLED: Tune = {
  shape: 'cloud',
  gentle: false,
  items: 30,
  chunk: 7,
  concurrency: 3,
  fickle: false,
  hangs: false,
  polls: { ms: 120_000 },
  cancelAt: undefined,
  rates: { crashAfter: 0.01 },
};
/** Nothing goes wrong but that a newer version is deployed under way. */
const UPGRADED: Tune = {
  shape: 'cloud',
  gentle: false,
  killer: undefined,
  cancelAt: undefined,
  upgrade: { at: -20_000, withinMs: 200_000, rollsBack: false },
  rates: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])),
};

/** What failed is retried as soon as round 0 has ended, by two people at once, while processes of round 0 stand still. */
const RETRIED: Tune = {
  gentle: false,
  shape: 'cloud',
  items: 30,
  cancelAt: undefined,
  pauseAt: undefined,
  tolerate: undefined,
  changedAt: undefined,
  killer: undefined,
  retry: { rounds: 1, afterMs: 0, filter: {}, rival: true, cancelAfterMs: undefined },
};
const RETRY_CANCELLED: Tune = {
  ...RETRIED,
  itemMs: 9_000,
  retry: { rounds: 1, afterMs: 0, filter: {}, rival: false, cancelAfterMs: 2_000 },
};

export const BUGS: readonly Bug[] = [
  // Stages: who plans them, by what, and who wakes whom.
  tuned(
    STAGED,
    bug('a stage is sealed at the seal of the one before', STAGE_PLAN, [
      '} else if (tail === undefined && at.part === sealed) {',
      '} else if (sealed !== undefined) {',
    ]),
  ),
  tuned(
    STAGED,
    bug('a stage is cut in the order of commits', STAGE_PLAN, [
      'if (epoch === undefined) return;',
      'if (epoch === undefined && chunk > from + 4) return;\n    if (epoch === undefined) continue;',
    ]),
  ),
  tuned(
    STAGED,
    bug('a tail is cut before the seal', STAGE_PLAN, [
      'tail !== undefined && at.part === sealed',
      'tail !== undefined',
    ]),
  ),
  tuned(
    STAGED_GENTLY,
    bug('a stage planner stops without a last look', STAGE_PLAN, [
      'for (let changed = false; ; changed = true) {',
      'for (let changed = false; !changed; changed = true) {',
    ]),
  ),
  tuned(
    STAGED_GENTLY,
    bug('no settle after a stage is sealed', STAGE_PLAN, [
      'await ports.store.change(key, seal(stage.cur, stage.planned, {}));',
      'await ports.store.change(key, seal(stage.cur, stage.planned, {}));\n      return false;',
    ]),
  ),
  tuned(
    { ...STAGED, items: 60, chunk: 1 },
    bug('back-pressure by parts, not by chunks', STAGES, [
      'const held = after !== undefined && isHeldBack(engine, after);',
      "const cur = after?.stage.cur ?? '';\n    const held = after !== undefined && stage.rel - Number(cur.split(':')[0]) >= 2 * windowOfStage(engine, after.id.stage);",
    ]),
  ),
  tuned(
    STAGED_GENTLY,
    bug('settle goes over the stages once', STAGES, ['if (changed) continue;', '']),
  ),
  tuned(
    STAGED,
    bug('a stage is planned from its part, not from its row', PARTS, [
      'return { part, row, items };',
      'return { part, row: 0, items };',
    ]),
  ),
  tuned(
    STAGED_GENTLY,
    bug('only the last stage is settled', STAGES, [
      'for (const id of stagesOf(batch).reverse()) {',
      'for (const id of stagesOf(batch).slice(-1)) {',
    ]),
  ),
  tuned(
    { ...STAGED, cancelAt: 4_000 },
    bug('a cancelled batch ends with its last stage', STAGES, [
      'return seen.every(({ stage, sums }) => isCancel(stage.halt) && sums.done === stage.rel);',
      'return isCancel(last?.stage.halt) && last?.sums.done === last?.stage.rel;',
    ]),
  ),
  // Work: mark, claim, fence, saves, commit.
  {
    // Each of the two alone is harmless: what the one lets through the other stops.
    name: 'neither claim nor fence looks at the mark',
    edits: [
      {
        file: WORK,
        find: "if (tally?.[markName(id.chunk)] !== undefined) return 'committed';",
        replace: '',
      },
      {
        file: WHEN,
        find: `    ['absent', markName(chunk)],
    ['any', ['absent', fenceName(chunk)], ['<=', fenceName(chunk), epoch]],`,
        replace: "    ['any', ['absent', fenceName(chunk)], ['<=', fenceName(chunk), epoch]],",
      },
    ],
  },
  tuned(
    REDELIVERED,
    bug('a found mark does not settle', WORK, [
      "if (refusal === 'committed') await settle(engine, id);",
      '',
    ]),
  ),
  bug('claim ignores the pause', WORK, ["if (stage.halt === 'pause') return 'paused';", '']),
  bug('claim ignores the lease', WHEN, ["['<', 'lease', now],", "['present', 'lease'],"]),
  tuned(
    LOST_ANSWERS,
    bug('no owner in the claim condition', WHEN, ["      ['=', 'owner', owner],\n", '']),
  ),
  bug('claim ignores resumeAt', WHEN, [
    "...(cancelled ? [] : [['<=', 'resumeAt', now] as const]),",
    '',
  ]),
  bug('a lease shorter than the function lives', 'test/sim/cloud.ts', [
    'until: (now) => now + remainingMs() + 2 * SKEW_MS + LEASE_MARGIN_MS,',
    'until: (now) => now + 10_000,',
  ]),
  tuned(ZOMBIES, bug('no fence on re-claim', WORK, ['if (epoch > 1) {', 'if (epoch > 1e9) {'])),
  tuned(
    ZOMBIES,
    bug('commit ignores the fence', WHEN, [
      "    ['any', ['absent', fenceName(chunk)], ['=', fenceName(chunk), epoch]],\n",
      '',
    ]),
  ),
  bug('last commit wins the mark', WHEN, [
    `    ['absent', markName(chunk)],
    ['any', ['absent', fenceName(chunk)], ['=', fenceName(chunk), epoch]],`,
    '',
  ]),
  bug('commit counts the chunk, not its items', WHEN, [
    'add: { n: 1, ...counts },',
    'add: { n: 1 },',
  ]),
  bug('commit before the part is stored', WORK, [
    `  const part = await attempt.write(partKey(id, epoch));
  const rows = itemsOf(part.counts);
  if (rows !== count) {
    throw new Error(\`Chunk \${id.chunk} has \${rows} of \${count} rows: it is not committed.\`);
  }
  attempt.close();
  // In the same turn as the commit: both go to the store as one message.
  lease.drop();
  const wasStalled = (range.wasStalled ?? 0) - (part.stillStalled ?? 0);
  const fresh = isFresh(id, range) ? rows - part.counts.notRun : 0;
  const change = commit(id.chunk, epoch, nonZero({ ...part.counts, wasStalled, fresh }));
  const answer = await engine.store.change(tallyKey(id, tallyOf(id.chunk)), change);`,
    `  const part = await attempt.write(\`\${partKey(id, epoch)}.early\`);
  lease.drop();
  const wasStalled = (range.wasStalled ?? 0) - (part.stillStalled ?? 0);
  const change = commit(id.chunk, epoch, nonZero({ ...part.counts, wasStalled }));
  const answer = await engine.store.change(tallyKey(id, tallyOf(id.chunk)), change);
  await attempt.write(partKey(id, epoch));
  attempt.close();`,
  ]),
  bug('a lost commit does not settle', WORK, [
    `  await settle(engine, id);
  return answer.applied`,
    `  if (answer.applied) await settle(engine, id);
  return answer.applied`,
  ]),
  bug('part keys without the epoch', KEYS, [
    `\${partsPrefix(id)}\${pad(id.chunk, 6)}-\${epoch}.gz`,
    `\${partsPrefix(id)}\${pad(id.chunk, 6)}-1.gz`,
  ]),
  bug('blocks of the outcomes digest without what was saved', 'lib/engine/sections.ts', [
    'saved ? undefined : newLineBlocks(',
    'newLineBlocks(',
  ]),
  bug('saved keys without the epoch', KEYS, [`-\${epoch}-\${save}.gz`, `-1-\${save}.gz`]),
  tuned(CAREFUL_DEATHS, savedLate('cursor before its saved rows')),
  tuned(HAND_BACKS, savedLate('hand-back before its saved rows')),
  tuned(
    CAREFUL_DEATHS,
    bug('a save without conditions', WHEN, [
      "when: [mine(options.epoch), ['any', ['absent', 'saves'], ['<=', 'saves', options.saves]]],",
      'when: [],',
    ]),
  ),
  tuned(
    LATE_SAVES,
    bug('a late save moves the cursor back', WHEN, [
      "when: [mine(options.epoch), ['any', ['absent', 'saves'], ['<=', 'saves', options.saves]]],",
      'when: [mine(options.epoch)],',
    ]),
  ),
  tuned(
    POLLED,
    bug('a remote is asked before its work is saved', 'lib/engine/item-poll.ts', [
      '  if (!(await env.polls.save())) throw park(item, now);\n',
      '',
    ]),
  ),
  tuned(
    POLLED,
    bug('a save forgets what is waited for', ATTEMPT, ['usage, polls.open()', 'usage, []']),
  ),
  tuned(POLLED, bug('each attempt submits anew', ATTEMPT, ['saved?.trailer.polls ?? []', '[]'])),
  tuned(
    POLLED,
    bug('saved keys by the cursor', SAVES, [
      'savedKey(id, epoch, saves)',
      'savedKey(id, epoch, cursor)',
    ]),
  ),
  tuned(
    POLLED,
    bug('a chunk of nothing but polls is not deferred', ATTEMPT, [
      '[hold.deferredTo(), polls.deferredTo()]',
      '[hold.deferredTo()]',
    ]),
  ),
  bug('saved rows are forgotten', WORK, [
    "const saved = record['part'] as string | undefined;",
    'const saved = undefined;',
  ]),
  tuned(
    { ...LOST_ANSWERS, itemMs: 9_000, chunk: 7, concurrency: 1, items: 30 },
    bug('a hand-back without a message', WORK, [
      "if (applied && state === 'drain') {",
      'if (applied === undefined) {',
    ]),
  ),
  bug('a cancelled attempt drops its rows', WORK, [
    "if (state === 'cancel') await attempt.notRun();",
    "if (state === 'cancel') return { did: 'nothing', why: 'cancelled' };",
  ]),
  tuned(
    { ...CANCELLED, itemMs: 9_000, chunk: 7, items: 60, concurrency: 1, hangs: false },
    bug('a running attempt never looks for a halt', 'lib/engine/watch-halt.ts', [
      'const LOOK_MS = 5_000;',
      'const LOOK_MS = 5_000_000;',
    ]),
  ),
  tuned(
    { deployAt: 4_000, gentle: false, cancelAt: undefined },
    bug('other code than the batch runs', WORK, [
      'if (batch.digest !== engine.jobDigest && !isCancel(stage.halt)) {',
      'if (batch.digest === undefined) {',
    ]),
  ),
  tuned(
    { ...CANCELLED, deployAt: 4_000 },
    bug('the code is compared although the batch was cancelled', WORK, [
      'if (batch.digest !== engine.jobDigest && !isCancel(stage.halt)) {',
      'if (batch.digest !== engine.jobDigest) {',
    ]),
  ),
  bug('a time in an outcome', 'lib/engine/row-text.ts', [
    'outcome: text,',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    'outcome: text.replace(\'}\\n\', `,"ms":${Math.round(times?.endedAt ?? 0)}}\\n`),',
  ]),

  // Careful mode.
  bug('no careful mode', WORK, [
    "const careful = (record['attempts'] as number) > 1 || record['named'] !== undefined;",
    'const careful = false;',
  ]),
  bug('items are not named first', CAREFUL, [
    `      const answer = await engine.store.change(chunkKey(id), name(epoch, at, starts + 1));
      if (!answer.applied) return { state: 'lost' };`,
    '',
  ]),
  bug('one death is enough to blame an item', CAREFUL, [
    'const MAX_STARTS = 3;',
    'const MAX_STARTS = 1;',
  ]),
  bug('a killer is never blamed', CAREFUL, ['if (starts >= MAX_STARTS) {', 'if (starts >= 1e9) {']),
  bug('a killer fails the rest of its chunk', CAREFUL, [
    `      await attempt.fail(CRASHED);
      at += 1;`,
    '      for (; at < range.count; at += 1) await attempt.fail(CRASHED);',
  ]),

  // Release, settle, finalise.
  bug('an edge releases, not a level', 'lib/core/release.ts', [
    'Math.min(planned, done + window, openChunks)',
    'Math.min(planned, rel + 1, openChunks)',
  ]),
  tuned(
    { ...CANCELLED, gentle: false, planMs: 4_000, rates: { slow: 0.3 } },
    bug('a release does not look at the halt', WHEN, [
      "when: [['=', 'rel', old], notHalted],",
      "when: [['=', 'rel', old]],",
    ]),
  ),
  bug('a release does not look at what was released', WHEN, [
    "when: [['=', 'rel', old], notHalted],",
    'when: [notHalted],',
  ]),
  tuned(
    LOST_ANSWERS,
    bug('no send after a release without an answer', RELEASE, [
      '} else if (answer.retried) {',
      '} else if (to < 0) {',
    ]),
  ),
  {
    name: 'a send after a release without an answer, unread, and no guard',
    tune: {
      ...CANCELLED,
      gentle: false,
      items: 60,
      chunk: 2,
      rates: { requestLost: 0.3, throttle: 0.2, ackLost: 0.1 },
    },
    edits: [
      { file: RELEASE, find: 'to: Math.min(to, now.rel)', replace: 'to' },
      { file: WORK, find: "if (id.chunk >= stage.rel) return 'not released';", replace: '' },
    ],
  },
  bug('messages before the release', RELEASE, [
    `  const answer = await engine.store.change(stageKey(id), release(rel, to, low));
  if (answer.applied) {
    await sendChunks(engine, id, { from: rel, to });
  } else if`,
    `  await sendChunks(engine, id, { from: rel, to });
  const answer = await engine.store.change(stageKey(id), release(rel, to, low));
  if (answer.applied) {
    void to;
  } else if`,
  ]),
  bug('cancelled is reported before what was released has ended', STAGES, [
    'isCancel(stage.halt) && sums.done === stage.rel);',
    'isCancel(stage.halt) && sums.done >= 0);',
  ]),
  bug('the threshold is never judged', RELEASE, [
    'if (!exceeds(batch.settings.tolerate, failed, done)) return false;',
    'if (done >= 0) return false;',
  ]),
  bug('the finaliser trusts the epoch of the chunk', 'lib/engine/committed-parts.ts', [
    'const epoch = marks?.[markName(chunk)] as number | undefined;',
    `const key = { batch: id.batch, sort: 'C0000/00/' + String(chunk).padStart(9, '0') };
      const epoch = (await store.read(key))?.['epoch'] as number | undefined;
      void [marks, markName];`,
  ]),
  bug('a clock in the report', FINALISE, [
    'const page = reportHtml(report);',
    'report.finishedAt = String(engine.clock.now());\n  const page = reportHtml(report);',
  ]),
  tuned(
    { shape: 'local', gentle: false, items: 40, chunk: 2, rates: { storeError: 0.03 } },
    bug('a broken pass stores files that look whole', PASS, [
      'if (!complete) throw',
      'if (broken === 1) throw',
    ]),
  ),
  bug("the winners' parts are removed", FINALISE, [
    'if (committed.done || name() !== key) await engine.objects.delete(key);',
    'await engine.objects.delete(key);',
  ]),
  tuned(
    {
      ...CANCELLED,
      cancelAt: 12_000,
      items: 12,
      chunk: 6,
      itemMs: 400,
      planMs: 0,
      rates: { slow: 0.5 },
    },
    bug('the end does not look at the version of the stop', WHEN, [
      "when: [...statusIs('running', round), ['=', 'ver', ver]],",
      "when: [...statusIs('running', round)],",
    ]),
  ),
  {
    name: 'records expire before the end',
    tune: { keepMs: 86_400_000 },
    edits: [
      {
        file: FINALISE,
        find: '  const left = await writeReport(engine, state);\n',
        replace:
          '  if (engine.keepMs !== undefined) await expireRecords(engine, state, engine.keepMs);\n  const left = await writeReport(engine, state);\n',
      },
      {
        file: WHEN,
        find: 'when: ended === undefined ? [] : statusIs(ended.end, ended.round),',
        replace: 'when: [],',
      },
    ],
  },

  // Planning.
  bug('no settle after the seal', PLAN, [
    'if (stage.sealed !== undefined || stage.halt !== undefined) break;',
    'if (stage.sealed !== undefined || stage.halt !== undefined) return;',
  ]),
  bug('the plan cursor before the chunk records', PLAN, [
    `    const to = await putChunks(engine, id, { group, planned, anyBorder });
    const change = advancePlan(cur, to, planned + group.length);
    const answer = await engine.store.change(stageKey(id), change);`,
    `    const to = (group.at(-1) as Cut).cursor;
    const change = advancePlan(cur, to, planned + group.length);
    const answer = await engine.store.change(stageKey(id), change);
    await putChunks(engine, id, { group, planned, anyBorder });`,
  ]),
  bug('a chunk record is overwritten', WHEN, ["when: [['absent', 'v']],", 'when: [],']),
  bug('planning goes on after a cancel', WHEN, [
    "when: [['=', 'cur', from], notCancelled, ['absent', 'sealed']],",
    "when: [['=', 'cur', from], ['absent', 'sealed']],",
  ]),
  bug('a planner out of time tells nobody', PLAN, [
    `MIN_REMAINING_MS) {
      await sendStep(engine, 'plan', id);
`,
    `MIN_REMAINING_MS) {
`,
  ]),
  bug('a changed input does not stop the batch', 'lib/core/errors.ts', [
    "code === 'INPUT_CHANGED' || ",
    '',
  ]),

  // Sweep and stops.
  bug('the sweep looks at leases only', SWEEP, [
    "if (last === 0) return 'note';",
    "if (last === 0) return 'leave';",
  ]),
  bug('the sweep does not plan', SWEEP, [
    'const stands = stage.swept === stage.cur || graceMs === 0;',
    'const stands = graceMs === 0;',
  ]),
  bug('the sweep does not settle', SWEEP, [
    `    await settle(engine, id);
    if (stage.halt`,
    '    if (stage.halt',
  ]),
  bug('the sweep does not copy halts', SWEEP, [
    'await engine.store.change(stageKey(id), copyHalt(batch.stop, batch.ver));',
    'void copyHalt;',
  ]),
  tuned(
    {
      shape: 'cloud',
      gentle: false,
      pauseAt: 2_000,
      resumeAfter: 3_000,
      itemMs: 3_000,
      items: 40,
      killer: undefined,
      rates: { stall: 0.04, lateRequest: 0.15, slow: 0.2 },
    },
    bug('halts without a version', WHEN, [
      `? { when: [['<', 'haltVer', ver]], set: { haltVer: ver }, remove: ['halt'] }
    : { when: [['<', 'haltVer', ver]], set: { haltVer: ver, halt: stop } };`,
      `? { when: [], set: { haltVer: ver }, remove: ['halt'] }
    : { when: [], set: { haltVer: ver, halt: stop } };`,
    ]),
  ),
  tuned(
    { ...CANCELLED, gentle: true },
    bug('a stop is not copied to the stage', 'lib/engine/write-stop.ts', [
      'await store.change(stageKey(stage), copyHalt(batch.stop, batch.ver));',
      'void [stageKey(stage), copyHalt];',
    ]),
  ),
  // Versions: a newer Sluice is deployed, function after function.
  tuned(
    UPGRADED,
    bug('an older message is refused', INBOX, ['v >= OLDEST_VERSION', 'v >= MESSAGE_VERSION']),
  ),
  tuned(
    UPGRADED,
    bug('a newer message is taken for an own', INBOX, [
      "typeof v === 'number' && v > MESSAGE_VERSION",
      'v === undefined',
    ]),
  ),
  tuned(
    UPGRADED,
    bug('a newer batch is guessed at', 'lib/engine/batch.ts', [
      'version > RECORD_VERSION',
      'version > RECORD_VERSION + 1',
    ]),
  ),
  tuned(
    UPGRADED,
    bug('what finds a newer batch is thrown back', INBOX, ["code === 'NEWER'", "code === ''"]),
  ),
  bug('a resume takes a cancel back', WHEN, [
    `export const clearStop = (round: number, digest: string): Change => ({
  when: [...statusIs('running', round), ['any', ['=', 'stop', 'none'], ['=', 'stop', 'pause']]],`,
    `export const clearStop = (round: number, digest: string): Change => ({
  when: [...statusIs('running', round)],`,
  ]),
  tuned(
    { shape: 'cloud', gentle: true, workers: 1, chunk: 1, items: 40, cancelAt: undefined },
    bug('recursion is not allowed', 'test/sim/cloud-limits.ts', [
      "export const RECURSIVE_LOOP: 'Allow' | 'Terminate' = 'Allow';",
      "export const RECURSIVE_LOOP: 'Allow' | 'Terminate' = 'Terminate';",
    ]),
  ),

  // Rounds.
  bug('a retry writes over the objects of round 0', KEYS, [
    `\`batches/\${batch}/r\${round}\``,
    `\`batches/\${batch}/r\${round * 0}\``,
  ]),
  bug('records of a round do not begin with it', KEYS, [
    `\`\${pad(round, 4)}/\${pad(stage, 2)}\``,
    `\`\${pad(round * 0, 4)}/\${pad(stage, 2)}\``,
  ]),
  bug('a round begins before it is listed', ROUND, [
    'if (!(await store.change(liveKey(id), listed)).applied) {',
    'if ((await store.change(liveKey(id), listed)).applied) {',
  ]),
  tuned(
    { ...RETRIED, rates: { stall: 0.03, slow: 0.1, messageDuplicated: 0.4 } },
    bug('a late end of round 0 closes the list entry of round 1', WHEN, [
      "  when: [['=', 'round', round]],\n  set: { status: end,",
      '  when: [],\n  set: { status: end,',
    ]),
  ),
  tuned(
    { ...RETRIED, rates: { stall: 0.05, slow: 0.3, messageDuplicated: 0.4 } },
    bug('a late end of round 0 ends round 1', WHEN, [
      "when: [...statusIs('ending', round)],",
      "when: [['=', 'status', 'ending']],",
    ]),
  ),
  tuned(
    { ...RETRIED, gentle: true, rates: { ackLost: 0.05 } },
    bug('only the winner of the retry plans', ROUND, [
      `  await store.change(key, startRound(round, facts));
  // Won or not: whoever won may have died before it told the planner.
  await sendStep(engine, 'plan', { batch: id, round });`,
      `  const won = await store.change(key, startRound(round, facts));
  if (won.applied) await sendStep(engine, 'plan', { batch: id, round });`,
    ]),
  ),
  tuned(
    RETRY_CANCELLED,
    bug('what a cancelled round did not run overrides an outcome', 'lib/engine/merge-round.ts', [
      "const left = !options.counts(row) || status === 'notRun';",
      'const left = !options.counts(row);',
    ]),
  ),
  tuned(
    { ...RETRIED, keepMs: 86_400_000 },
    bug('a round begins on records that expire', ROUND_WHEN, [
      "remove: ['end', 'reason', 'resolvedAt', 'open', 'expires'],",
      "remove: ['end', 'reason', 'resolvedAt', 'open'],",
    ]),
  ),
  bug('a retry takes the stop of the round before along', ROUND_WHEN, [
    "set: { ...facts, round, status: 'running', stop: 'none' },",
    "set: { ...facts, round, status: 'running' },",
  ]),
  tuned(
    QUOTED,
    bug('a slot is used after its grace', ITEM_QUOTA, [
      'if (good && !mine.some(late)) return;',
      'if (mine.length > 0) return;',
    ]),
  ),
  tuned(
    QUOTED,
    bug('slots are spaced as if clocks were equal', QUOTA, [
      'const marginMs = 2 * skewMs + GRACE_MS + sendMs;',
      'const marginMs = GRACE_MS + sendMs;',
    ]),
  ),
  tuned(
    QUOTED,
    bug('slots are leased without compare-and-set', QUOTA_WHEN, [
      "when: [ver === undefined ? ['absent', 'v'] : ['=', 'ver', ver]],",
      'when: [],',
    ]),
  ),
  tuned(
    QUOTED,
    bug('a call takes the slot of its item for all its tries', ITEM_QUOTA, [
      'if (good && !mine.some(late)) return;',
      'if (good && !mine.some(late)) return void needs.map((need, at) => need.slots.unshift(mine[at] ?? 0));',
    ]),
  ),
  ...GROUP_BUGS,
  ...STAGE_ROUND_BUGS,
  ...GROUP_BY_BUGS,
  ...GROUP_ROUND_BUGS,
];

import { newSemaphore } from '../pool/semaphore.ts';
import type { Quotas } from '../ports/quotas.ts';
import type { Home } from './home.ts';
import type { JobFile } from './job-file.ts';
import { letThreadsGrow } from './own-process.ts';
import type { ThreadPlace, ThreadSeat } from './thread-attempt.ts';
import { startThread, type ThreadLink } from './thread-link.ts';
import { LANES } from './thread-wire.ts';

/** Worker threads of one batch: started on first use and kept warm while there is work; a dead one is replaced. */
export interface ThreadPool {
  /** Attempts that may hold a place at a time. */
  readonly places: number;
  /** Resolves with what gives the right to a place back; the highest rank that waits has the next one. */
  acquire(rank?: number): Promise<() => void>;
  /** To be asked for only with that right. */
  newSeat(): ThreadSeat;
  /** Threads that were started so far. */
  readonly started: number;
  /** Ends the threads that nobody uses; new ones are started when they are needed again. */
  rest(): void;
  close(): Promise<void>;
}

/**
 * A batch whose last stages run without threads needs their memory no more. Longer than it takes from one stage to the
 * next: each thread loads and compiles the job anew, 0.3 s of CPU for the music job before any of it is optimised.
 */
const IDLE_MS = 10_000;

/** One thread and who holds its lanes. */
interface Member {
  thread: ThreadLink;
  worker: string;
  lanes: boolean[];
}

export interface ThreadPoolOptions {
  home: Home;
  jobFile: JobFile;
  quotas: Quotas;
  /** Its threads may hold more, for fewer collections. */
  grow?: boolean;
  /** The main thread works no items. */
  hold?: boolean;
  /** Milliseconds after which threads that nobody uses are ended. */
  idleMs?: number;
}

export function newThreadPool(
  { home, jobFile, quotas, grow = false, hold = false, idleMs = IDLE_MS }: ThreadPoolOptions,
  size: number,
): ThreadPool {
  const places = size * LANES;
  const permits = newSemaphore(places);
  let members: Member[] = [];
  const names = Array.from({ length: size }, (_, at) => `${home.host.id}#${at + 1}`);
  let started = 0;
  let idle: NodeJS.Timeout | undefined;
  const endings = newEndings();

  const start = (): Member => {
    if (grow) letThreadsGrow();
    started += 1;
    const worker = names.pop() ?? `${home.host.id}#${started}`;
    const data = { objects: home.folder, jobFile: jobFile.file, worker, process: home.host.id };
    const thread = startThread(data, quotas, hold);
    const member = { thread, worker, lanes: new Array<boolean>(LANES).fill(false) };
    members.push(member);
    return member;
  };
  const dropDead = (): void => {
    for (const { thread, worker } of members) if (thread.dead) names.push(worker);
    members = members.filter(({ thread }) => !thread.dead);
  };
  /** The least busy thread; a second place in one only when no thread more may be started. */
  const take = (): ThreadPlace & { member: Member } => {
    dropDead();
    const [least] = [...members].sort((a, b) => held(a) - held(b));
    const free = least !== undefined && held(least) === 0;
    const member = free || members.length >= size ? (least as Member) : start();
    return placeIn(member);
  };
  const endIdle = (): void => {
    const unused = members.filter((member) => held(member) === 0);
    members = members.filter((member) => held(member) > 0);
    for (const { thread, worker } of unused) {
      names.push(worker);
      endings.end(thread);
    }
  };
  const watchIdle = (): void => {
    clearTimeout(idle);
    if (members.every((member) => held(member) === 0)) idle = setTimeout(endIdle, idleMs).unref();
  };
  return {
    places,
    acquire: permits.acquire,
    newSeat() {
      let place: ReturnType<typeof take> | undefined;
      const release = (): void => {
        if (place !== undefined) place.member.lanes[place.lane] = false;
        place = undefined;
        watchIdle();
      };
      return {
        take() {
          if (place !== undefined) release();
          clearTimeout(idle);
          place = take();
          return place;
        },
        release,
      };
    },
    get started() {
      return started;
    },
    rest: endIdle,
    async close() {
      clearTimeout(idle);
      for (const { thread } of members) endings.end(thread);
      await endings.all();
    },
  };
}

function placeIn(member: Member): ThreadPlace & { member: Member } {
  const lane = member.lanes.indexOf(false);
  member.lanes[lane] = true;
  return { thread: member.thread, lane, member };
}

/** Threads that end, also those that rested: what they hold open is written then, and the process may go when all have. */
function newEndings() {
  const ending = new Set<Promise<void>>();
  return {
    end(thread: ThreadLink): void {
      const shut = thread.shut();
      ending.add(shut);
      void shut.finally(() => ending.delete(shut));
    },
    all: () => Promise.all(ending),
  };
}

const held = ({ lanes }: Member): number => lanes.filter(Boolean).length;

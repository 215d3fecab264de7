import { stat } from 'node:fs/promises';
import { below } from './look-at.ts';
import type { Matcher } from './matcher.ts';
import { bytesOf, textOf } from './names.ts';
import { type Listing, readFolder } from './read-folder.ts';

/** A folder of a tree, read ahead of its turn where there is room. */
export interface Folder {
  /** Absolute. */
  path: string;
  /** Path below the root in bytes, with `/` behind it; empty for the root. */
  place: string;
  /** Its entries; what reading it threw. */
  read(): Promise<Listing | { error: NodeJS.ErrnoException }>;
  /** One of its folders, by its place in the listing. */
  enter(at: number): Folder;
  /** It is done with: what it holds is given up. */
  leave(): void;
}

export interface TreeOptions {
  matcher: Matcher;
  followLinks: boolean;
  /** Folders that are read at once. */
  foldersAtOnce: number;
  /** How many of a folder's folders an earlier walk went through: nobody will come to them. */
  passed(listing: Listing, place: string): number;
}

/** Names that folders ahead of the walk may hold together: about 5 MB. */
const HELD_NAMES = 50_000;
/** Folders that one look for the next to read goes over. */
const LOOK_AT = 32;

/** A node of the tree, made when it is near the walk: a million of them would be 200 MB. */
interface Node {
  path: string;
  place: string;
  text: string;
  above: Node | undefined;
  /** Its place among the folders of the one above. */
  at: number;
  ids?: Promise<ReadonlySet<string>>;
  reading?: Promise<Listing | { error: NodeJS.ErrnoException }>;
  listing?: Listing;
  held: number;
  /** Folders below it that were entered, or looked ahead at, by their places. */
  children: Map<number, Node>;
  /** How many of its folders the walk came to. */
  done: number;
  /** The walk waits for it: it need not wait for room. */
  wanted: boolean;
  wake: (() => void) | undefined;
}

/** What folders that are read ahead may hold; whoever goes beyond it waits until the walk needs it. */
function newRoom() {
  let held = 0;
  let closed = false;
  const waiting = new Set<Node>();
  return {
    free: () => !closed && held <= HELD_NAMES,
    hold(node: Node, names: number): void | Promise<void> {
      held += names;
      node.held += names;
      if (closed) throw new Error('The walk has ended.');
      if (node.wanted || held <= HELD_NAMES) return undefined;
      waiting.add(node);
      return new Promise((resolve) => {
        node.wake = resolve;
      });
    },
    want(node: Node): void {
      node.wanted = true;
      node.wake?.();
      waiting.delete(node);
    },
    giveUp(node: Node): void {
      held -= node.held;
      node.held = 0;
    },
    close(): void {
      closed = true;
      for (const { wake } of waiting) wake?.();
    },
  };
}

/**
 * The folders below a root. While the walk is at one, those that follow are read, in the order in which it
 * will come to them, until the tree is closed.
 */
export function folderTree(root: string, options: TreeOptions): { top: Folder; close(): void } {
  const { matcher, followLinks, foldersAtOnce } = options;
  const room = newRoom();
  let reading = 0;
  let current: Node | undefined;
  const list = async (node: Node): ReturnType<Folder['read']> => {
    const above = (): Promise<ReadonlySet<string>> => idsOf(node);
    const hold = (names: number): void | Promise<void> => room.hold(node, names);
    const { path, text } = node;
    try {
      const listing = await readFolder({ path, below: text, matcher, followLinks, above, hold });
      node.listing = listing;
      node.done = options.passed(listing, node.place);
      return listing;
    } catch (error) {
      return { error: error as NodeJS.ErrnoException };
    } finally {
      reading -= 1;
      readAhead();
    }
  };
  const start = (node: Node): NonNullable<Node['reading']> => {
    reading += 1;
    node.reading = list(node);
    return node.reading;
  };
  const hasRoom = (): boolean => reading < foldersAtOnce && room.free();
  /** From the folder that the walk is at, and then from those above it: their folders that it did not come to yet. */
  const readAhead = (): void => {
    let looks = LOOK_AT;
    const visit = (node: Node): void => {
      const folders = node.listing?.folders.length ?? 0;
      for (let at = node.done; at < folders && looks > 0 && hasRoom(); at += 1) {
        looks -= 1;
        const child = childOf(node, at);
        if (child.reading === undefined) void start(child);
        else visit(child);
      }
    };
    for (let node = current; node !== undefined && hasRoom(); node = node.above) visit(node);
  };
  const folderOf = (node: Node): Folder => ({
    path: node.path,
    place: node.place,
    async read() {
      room.want(node);
      current = node;
      const read = await (node.reading ?? start(node));
      readAhead();
      return read;
    },
    enter(at) {
      node.done = at + 1;
      return folderOf(childOf(node, at));
    },
    leave() {
      room.giveUp(node);
      current = node.above;
      node.above?.children.delete(node.at);
    },
  });
  return { top: folderOf(nodeOf(root, '', { above: undefined, at: 0 })), close: room.close };
}

const nodeOf = (path: string, text: string, { above, at }: Pick<Node, 'above' | 'at'>): Node => ({
  path,
  text,
  place: bytesOf(text),
  above,
  at,
  held: 0,
  children: new Map(),
  done: 0,
  wanted: false,
  wake: undefined,
});

function childOf(node: Node, at: number): Node {
  const there = node.children.get(at);
  if (there !== undefined) return there;
  const name = node.listing?.folders.at(at) as string;
  const text = textOf(name.slice(0, -1)) as string;
  const child = nodeOf(below(node.path, text), `${node.text}${text}/`, { above: node, at });
  node.children.set(at, child);
  return child;
}

/** Device and inode of a folder and of those above it, asked for where a link has to be judged. */
function idsOf(node: Node): Promise<ReadonlySet<string>> {
  node.ids ??= (async () => {
    const above = node.above === undefined ? [] : await idsOf(node.above);
    const { dev, ino } = await stat(node.path, { bigint: true });
    return new Set([...above, `${dev}:${ino}`]);
  })();
  return node.ids;
}

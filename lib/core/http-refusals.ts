/** What a process knows of items whose host refused them (429) until no try was left. */
export interface Refusals {
  /** Told of each answer that is neither a refusal nor an error of the server. */
  answered(host: string): void;
  /**
   * Counts one.
   *
   * @returns how many it is of this item, and whether it is the item's own: the host gave somebody an answer since the
   * first of them, or refused nobody else
   */
  refused(item: string, host: string): { times: number; own: boolean };
  forget(): void;
}

/** Items that are counted: what is forgotten is only put back more often. */
const MAX_ITEMS = 10_000;

export function newRefusals(): Refusals {
  const items = new Map<string, { host: string; times: number; answers: number }>();
  const answers = new Map<string, number>();
  return {
    answered(host) {
      // Nobody was refused: most processes, always.
      if (items.size > 0) answers.set(host, (answers.get(host) ?? 0) + 1);
    },
    refused(item, host) {
      const now = answers.get(host) ?? 0;
      const name = `${item} ${host}`;
      const known = items.get(name) ?? { host, times: 0, answers: now };
      known.times += 1;
      if (items.size >= MAX_ITEMS) items.delete(items.keys().next().value as string);
      items.set(name, known);
      const own =
        now > known.answers ||
        ![...items.values()].some((one) => one !== known && one.host === host);
      return { times: known.times, own };
    },
    forget() {
      items.clear();
      answers.clear();
    },
  };
}

/** A clock's sleep, made of its timers: resolves after `ms`, or as soon as the signal aborts; never rejects. */
export const sleepBy =
  (after: (ms: number, call: () => void) => () => void) =>
  (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = after(ms, wake);
      signal?.addEventListener('abort', wake);
    });
  };

import { randomBytes } from 'node:crypto';
import type { Host } from '../../ports/host.ts';

export interface AwsHostOptions {
  /** Names the environment, such as the log stream's name. */
  id: string;
  /** Of the invocation that runs now. */
  requestId: () => string;
}

/**
 * This Lambda environment. An owner is `<request id>/<count>`: new at every call, also when the same message is
 * received again in the same environment. Whether another environment is dead cannot be known: leases end.
 */
export function awsHost({ id, requestId }: AwsHostOptions): Host {
  let owners = 0;
  return {
    id,
    newOwner() {
      owners += 1;
      return `${requestId()}/${owners}`;
    },
    isDead: () => false,
    usage() {
      const { user, system } = process.cpuUsage();
      return { cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
    },
    random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  };
}

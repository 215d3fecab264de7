import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackJob } from '../../lib/app/aws/stack-outputs.ts';
import { loadJob } from '../../lib/app/load-job.ts';
import { deployedSettings, shareWords } from '../../lib/core/quota-settings.ts';
import { cloudWorld } from '../support/cloud-world.ts';
import { startAnswers } from './aws-answers.ts';
import { inProcess } from './in-process.ts';
import { newPlace } from './sluice.ts';

export const ARN = 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Sluice/0f';

/** A deployed stack named Sluice, its functions' code in this process, and the built CLI beside it. */
export async function stackWorld(texts: Record<string, string>) {
  const place = newPlace();
  const jobs = Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [
      name,
      join(place.cwd, place.write(`${name}.ts`, text)),
    ]),
  );
  const world = await cloudWorld({ jobs });
  const url = (queue: string): string =>
    `${world.emulators.env['AWS_ENDPOINT_URL_SQS']}/000000000000/${queue}`;
  const digestOf = (job: string): string =>
    createHash('sha256')
      .update(readFileSync(join(world.root, 'jobs', `${job}.mjs`)))
      .digest('hex');
  const names = Object.keys(jobs);
  const quotas = new Map<string, StackJob['quota']>();
  const stages = new Map<string, number>();
  for (const name of names) {
    const { quota, stages: of } = deployedSettings(
      await loadJob(join(world.root, 'jobs', `${name}.mjs`)),
    );
    stages.set(name, of?.length ?? 1);
    quotas.set(name, shareWords({ quota }) === undefined ? undefined : quota);
  }
  const entries = <T>(of: (name: string) => [string, T]): Record<string, T> =>
    Object.fromEntries(names.map(of));
  const queuesOf = (name: string): [string, string][] =>
    Array.from({ length: stages.get(name) ?? 1 }, (_, stage) => [
      `${name}/${stage}`,
      url(stage === 0 ? `stage-${name}` : `stage-${name}-${stage}`),
    ]);
  const outputs = (): Record<string, string> => ({
    UploadBucket: 'uploads',
    ReportBucket: 'reports',
    Table: 'table',
    Inbox: url('inbox'),
    Queues: JSON.stringify({
      orchestrator: url('inbox'),
      ...Object.fromEntries(names.flatMap(queuesOf)),
    }),
    Jobs: JSON.stringify(
      entries((name) => {
        const facts = { stages: stages.get(name) ?? 1, workers: 1, digest: digestOf(name) };
        return [name, { ...facts, quota: quotas.get(name) }];
      }),
    ),
  });
  const server = await startAnswers({ stacks: { Sluice: { arn: ARN, outputs: outputs() } } });
  const start = (args: string[], env: Record<string, string> = {}) =>
    place.start(args, { ...server.env, ...env });
  const run = (args: string[], env: Record<string, string | undefined> = {}) =>
    inProcess(args, { ...server.env, ...env });
  const from = process.cwd();
  process.chdir(place.cwd);
  return {
    place,
    world,
    server,
    outputs,
    /** In this process. */
    run,
    /** In a process of its own. */
    start,
    /** Runs a command on the stack; it must end with the code. */
    async sluice(args: string[], code = 0): Promise<string> {
      const ended = await run([...args, '--stack', 'Sluice']);
      if (ended.code !== code) throw new Error(`${args.join(' ')}: ${ended.code}\n${ended.err}`);
      return ended.out;
    },
    /** Lets the functions work until the promise is settled. */
    async during<T>(promise: Promise<T>): Promise<T> {
      let over = false;
      const watched = promise.finally(() => {
        over = true;
      });
      watched.catch(() => undefined);
      while (!over) {
        await world.run();
        await sleep(50);
      }
      return watched;
    },
    /** Waits for what a running command says. */
    async says(running: { child: ReturnType<typeof place.start>['child'] }, text: string) {
      let said = '';
      running.child.stderr?.on('data', (more) => {
        said += String(more);
      });
      while (!said.includes(text)) {
        if (running.child.exitCode !== null) throw new Error(`It ended: ${said}`);
        await sleep(20);
      }
    },
    async close(): Promise<void> {
      process.chdir(from);
      await server.close();
      await world.close();
      place.remove();
    },
  };
}

export type StackWorld = Awaited<ReturnType<typeof stackWorld>>;

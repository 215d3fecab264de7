import { httpPlan } from './http-plan.ts';
import type { Job } from './job.ts';
import { type Settings, settingsOf } from './options.ts';
import { jobQuotas, type QuotaPlan } from './quota.ts';

/**
 * Settings with the job's quotas in them: checked, as is its `http`, and with no more workers than they can keep
 * busy. Throws a SluiceError that names what is wrong.
 */
export function withQuotas(
  settings: Settings,
  job: Pick<Job, 'name' | 'quotas' | 'limits' | 'steps'> & { http?: Job['http'] | undefined },
  options: Record<string, unknown>,
): Settings {
  httpPlan(job, options);
  const plans = jobQuotas(job, options).map(({ plan }) => plan);
  const [first] = plans;
  if (first === undefined) return settings;
  const workers = settings.stages === undefined ? usableWorkers(plans, settings) : settings.workers;
  const { name, spec, share } = plans.reduce((a, b) => (b.share < a.share ? b : a), first);
  const itemMs = Math.max(...plans.map(msPerItem));
  return {
    ...settings,
    workers,
    prefetch: Math.min(settings.prefetch, workers),
    quota: { itemMs, name, spec, share },
  };
}

/** The limits that a job is deployed with. A quota that depends on options bounds a batch through its slots alone. */
export const deployedSettings = (job: Job): Settings =>
  typeof job.quotas === 'function' ? settingsOf(job) : withQuotas(settingsOf(job), known(job), {});

/** Without HTTP settings that only a batch's options make. */
const known = (job: Job): Parameters<typeof withQuotas>[1] =>
  typeof job.http === 'function' ? { ...job, http: undefined } : job;

const msPerItem = ({ gapUs, long, callsPerItem, keyed }: QuotaPlan): number =>
  keyed ? 0 : callsPerItem * Math.max(gapUs / 1000, ...long.map(({ calls, ms }) => ms / calls));

/**
 * An item holds its place for its time-out at most: more items in flight than start in that time could only wait for
 * slots. A quota by key says nothing: nobody knows how many keys there are.
 */
function usableWorkers(
  plans: readonly QuotaPlan[],
  { workers, concurrency, itemTimeoutMs }: Settings,
): number {
  const spaced = plans.filter(
    ({ gapUs, callsPerItem, keyed }) => !keyed && gapUs * callsPerItem > 0,
  );
  const most = spaced.map(({ gapUs, callsPerItem }) =>
    Math.ceil((itemTimeoutMs * 1000) / (gapUs * callsPerItem * concurrency)),
  );
  return Math.max(1, Math.min(workers, ...most));
}

/** What a start, here or of an upload, says of a quota of which the margins leave less than 95 %. */
export function shareWords({
  quota,
}: {
  quota?: Settings['quota'] | undefined;
}): string | undefined {
  if (quota === undefined || quota.share >= 0.95) return undefined;
  const windows = quota.spec.replaceAll('/', ' calls in ').replaceAll(',', ' ms, ');
  return `Quota ${quota.name} (${windows} ms): ${Math.floor(quota.share * 100)} % of it is usable, since clocks differ and calls take time. A longer window, or a smaller skew or sendTime, leaves more.`;
}

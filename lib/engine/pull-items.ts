import type { Pull } from '../pool/run-bounded.ts';
import type { AttemptSpec, Control } from './engine.ts';
import type { Hold } from './hold.ts';
import type { HttpEnv } from './http-env.ts';
import type { Polls } from './polls.ts';
import type { QuotaGate } from './quota-gate.ts';
import type { Going, RecordSource, Taken } from './record-source.ts';
import type { Rows } from './rows.ts';

export interface RunParts {
  rows: Rows;
  source: RecordSource;
  gate: QuotaGate | undefined;
  http: HttpEnv | undefined;
  hold: Hold;
  polls: Polls;
}

/** What is to run next: records, and items whose remote is to be asked, as slots of quotas allow. */
export function pullOf(
  { source, gate, hold, polls }: RunParts,
  { range }: AttemptSpec,
  { until, control }: { until: number; control: Pick<Control, 'state'> },
): Pull<Taken> {
  const going = new Unheld(hold, control);
  const pull = polls.pull(source.pull(until, going), going, until === range.count);
  return gate?.pull(pull, going) ?? pull;
}

class Unheld implements Going {
  readonly #hold: Hold;
  readonly #control: Pick<Control, 'state'>;

  constructor(hold: Hold, control: Pick<Control, 'state'>) {
    this.#hold = hold;
    this.#control = control;
  }

  goes(): boolean {
    return this.#hold.free() && this.#control.state() === 'go';
  }
}

import type { Control, ControlState } from './engine.ts';
import type { RecordSource } from './record-source.ts';

interface LatchOf {
  control: Control;
  saving: { failed(): boolean };
  source: Pick<RecordSource, 'position'>;
  /** Where the attempt began. */
  from: number;
  grouped: boolean;
}

/** What one call of an attempt may do: once it is told to stop it stops. A class, since it is asked before each row. */
export class Latch implements Pick<Control, 'state'> {
  last: ControlState = 'go';
  readonly #of: LatchOf;

  constructor(of: LatchOf) {
    this.#of = of;
  }

  state(): ControlState {
    if (this.last === 'go') this.last = this.#of.saving.failed() ? 'lost' : this.#asked();
    return this.last;
  }

  /** To read a chunk of groups may take a whole budget: one is worked all the same, or no attempt would ever get on. */
  #asked(): ControlState {
    const { control, source, from, grouped } = this.#of;
    const state = control.state();
    return state === 'drain' && grouped && source.position === from ? 'go' : state;
  }
}

/** What is sent between the steps: less than 4 KB, a hint and never the truth. */
export interface Message {
  /** Schema version of the message. */
  v: 1;
  step: 'plan' | 'work' | 'finalise';
  batch: string;
  round: number;
  /** Only in `work`. */
  stage?: number;
  chunk?: number;
}

export interface Delivery {
  message: Message;
  /** Names this receipt; another receipt of the same message has another one. */
  receipt: string;
  /** How often the message was received, this time included. */
  receives: number;
}

/** Queues by name (`orchestrator`, `stage-0` ...): at least once, in any order. */
export interface WorkQueue {
  /** Returns the positions of messages that were not accepted. `delayMs` at most 900,000. */
  send(
    queue: string,
    messages: readonly { message: Message; delayMs?: number }[],
  ): Promise<number[]>;
  /**
   * Up to `max` messages; waits up to `waitMs` for the first. What is not acknowledged within
   * `visibilityMs` is delivered again.
   */
  receive(
    queue: string,
    options: { max: number; waitMs: number; visibilityMs: number },
  ): Promise<Delivery[]>;
  ack(queue: string, receipt: string): Promise<void>;
}

import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** A queue as a mapping reads it. Faults of a closing emulator count as nothing received. */
export interface QueueReader {
  /** At most `max` (10) messages; waits up to `waitMs` (20 s by default) for the first. */
  receive(max: number, options: { signal: AbortSignal; waitMs?: number }): Promise<Message[]>;
  remove(messages: readonly Message[]): Promise<void>;
  /** Makes a received message visible again. */
  giveBack(message: Message): Promise<void>;
}

/** Lambda polls with long polling, 20 s at most (AWSSimpleQueueService: WaitTimeSeconds). */
const LONG_POLL_MS = 20_000;

export const newQueueReader = (client: SQSClient, url: string): QueueReader => ({
  async receive(max, { signal, waitMs = LONG_POLL_MS }) {
    const command = new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: max,
      // Whole seconds only: a shorter wait is one without waiting, after a pause.
      WaitTimeSeconds: Math.floor(waitMs / 1000),
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    try {
      const { Messages = [] } = await client.send(command, { abortSignal: signal });
      if (Messages.length === 0 && waitMs < 1000) await pause(Math.min(waitMs, 20));
      return Messages;
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  },
  async giveBack({ ReceiptHandle }) {
    const command = { QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 };
    await client.send(new ChangeMessageVisibilityCommand(command));
  },
  async remove(messages) {
    for (let at = 0; at < messages.length; at += 10) {
      const entries = messages.slice(at, at + 10).map(({ ReceiptHandle }, place) => ({
        Id: String(place),
        ReceiptHandle,
      }));
      await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: entries }));
    }
  },
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

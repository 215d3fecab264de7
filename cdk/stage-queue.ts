import { Duration, Validations } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { stableId } from './stable-id.ts';

/** A queue with its dead letters, and the environment variable that tells a function its URL. */
export interface Line {
  /** Logical id of the queue. */
  id: string;
  queue: Queue;
  deadLetters: Queue;
  variable: string;
}

/** AWS: "at least 5" ("Creating and configuring an Amazon SQS event source mapping"); poison is decided by our own attempts. */
const MAX_RECEIVES = 5;
/** Messages are hints: the sweeper writes lost ones anew. */
const KEEP_DAYS = 4;
/** A dead letter's age counts from its first sending, so it must be kept longer than the queue keeps it; 14 days is SQS's most. */
const KEEP_DEAD_DAYS = 14;

/** A queue with its dead-letter queue: encrypted (SSE-SQS), TLS only. */
export function createLine(
  scope: Construct,
  id: string,
  { variable, visibilityS }: { variable: string; visibilityS: number },
): Line {
  const deadLetters = new Queue(scope, `${id}DeadLetters`, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(KEEP_DEAD_DAYS),
  });
  nameQueue(deadLetters, `${id}DeadLetters`);
  Validations.of(deadLetters).acknowledge({
    id: 'Serverless-SQSRedrivePolicy',
    reason: 'This is the dead-letter queue; an alarm watches it.',
  });
  const queue = new Queue(scope, id, {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(KEEP_DAYS),
    visibilityTimeout: Duration.seconds(visibilityS),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: MAX_RECEIVES },
  });
  nameQueue(queue, id);
  return { id, queue, deadLetters, variable };
}

/** `enforceSSL` made a policy beside the queue. */
function nameQueue(queue: Queue, id: string): void {
  stableId(queue, id);
  stableId(queue.node.findChild('Policy') as Construct, `${id}Policy`);
}

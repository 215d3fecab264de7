import { nameOf } from '../../adapters/aws/errors.ts';
import { SluiceError, type SluiceErrorCode } from '../../core/errors.ts';

/** What a person asked AWS for, to name it in a message. */
export interface AskedOf {
  /** Such as `stack Sluice`. */
  what: string;
  /** The right that the call needs, where it is known beforehand. */
  action?: string;
  table?: string;
}

interface Row {
  names: readonly string[];
  code?: SluiceErrorCode;
  say(asked: AskedOf, words: string): string;
  hint(asked: AskedOf): string;
}

/** Error names of CloudFormation, Lambda, DynamoDB, S3 and SQS ("Common errors" of each API reference), and of the SDK. */
const ROWS: readonly Row[] = [
  {
    names: ['CredentialsProviderError', 'TokenProviderError', 'AuthFailure'],
    say: (_asked, words) => `There are no AWS credentials: ${words}`,
    hint: () =>
      'Log in (aws sso login, aws login), choose a profile with AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  },
  {
    names: ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired'],
    say: (_asked, words) => `The AWS credentials have expired: ${words}`,
    hint: () => 'Log in again (aws sso login), or set new credentials.',
  },
  {
    names: [
      'InvalidClientTokenId',
      'UnrecognizedClientException',
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'InvalidSignatureException',
      'IncompleteSignature',
    ],
    say: (_asked, words) => `AWS refuses the credentials: ${words}`,
    hint: () => 'Check the access key and its secret, and that the clock of this machine is right.',
  },
  {
    names: ['AccessDenied', 'AccessDeniedException', 'Forbidden', '403'],
    say: ({ what, action }, words) => `Access to ${what} is denied (${actionIn(words, action)}).`,
    hint: () =>
      'Ask for that right on it. The rights that --stack commands need are listed in docs/deploy.md.',
  },
  {
    names: ['ResourceNotFoundException'],
    code: 'NOT_FOUND',
    say: ({ what, table }) => `The table ${table ?? ''} of ${what} is gone.`,
    hint: () => 'Restore it (point-in-time recovery) under its name, or deploy the stack anew.',
  },
  {
    names: ['NoSuchBucket', 'QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'],
    code: 'NOT_FOUND',
    say: ({ what }, words) => `A bucket or queue of ${what} is gone: ${words}`,
    hint: () => 'Deploy the stack again.',
  },
];

const NO_REGION: Row = {
  names: [],
  say: (_asked, words) =>
    /region="[^"]/.test(words) ? `The AWS region is none: ${words}` : 'No AWS region is set.',
  hint: () => 'Set AWS_REGION, such as AWS_REGION=eu-central-1, or a region in your profile.',
};

/** AWS names the refused right in most of its messages. */
const actionIn = (words: string, action: string | undefined): string =>
  /not authorized to perform: ([\w-]+:\w+)/.exec(words)?.[1] ?? action ?? words;

/**
 * A fault of AWS as a person can act on it: a SluiceError that says what is wrong with credentials, region,
 * rights or the stack. Everything else, also a SluiceError of other causes, stays as it is.
 */
export function explainStack(error: unknown, asked: AskedOf): unknown {
  const fault = error instanceof SluiceError ? error.cause : error;
  const { message = '' } = (fault ?? {}) as { message?: string };
  const name = nameOf(fault);
  const row = /^Region (is missing|not accepted)/.test(message)
    ? NO_REGION
    : ROWS.find(({ names }) => names.includes(name));
  if (row === undefined) return error;
  const words = message === '' ? name : message;
  return new SluiceError(row.code ?? 'STORE', row.say(asked, words), {
    hint: row.hint(asked),
    cause: fault,
  });
}

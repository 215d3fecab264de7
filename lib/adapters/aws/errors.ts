import { SluiceError } from '../../core/errors.ts';

/** One row per kind of refusal: the service's names for it, and what to do next. */
const REFUSALS: readonly { names: readonly string[]; hint: string }[] = [
  {
    names: ['ResourceNotFoundException', 'NoSuchBucket', 'QueueDoesNotExist'],
    hint: 'deploy the stack, or check the region and the name (SLUICE_TABLE, SLUICE_REPORTS, SLUICE_UPLOADS, queue URLs)',
  },
  {
    names: ['AccessDenied', 'AccessDeniedException', 'KmsAccessDenied', 'Forbidden', '403'],
    // S3 GetObject (API reference): without s3:ListBucket an absent key is answered with 403, not 404.
    hint: 'give this role the right to do that; S3 also answers so for an absent object where s3:ListBucket is missing',
  },
  {
    names: [
      'CredentialsProviderError',
      'UnrecognizedClientException',
      'InvalidClientTokenId',
      'InvalidAccessKeyId',
      'ExpiredToken',
      'ExpiredTokenException',
      'InvalidSignatureException',
      'SignatureDoesNotMatch',
    ],
    hint: 'set valid AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; log in again if they expired)',
  },
  {
    names: [
      'ProvisionedThroughputExceededException',
      'ThrottlingException',
      'RequestLimitExceeded',
      'RequestThrottled',
      'SlowDown',
      'ServiceUnavailable',
    ],
    hint: 'it was tried several times: let it go on later by itself, or lower the workers or raise the chunk size',
  },
  {
    names: ['TimeoutError', 'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE'],
    hint: 'check the network, the region and the AWS_ENDPOINT_URL variables; the sweep goes on where this stopped',
  },
];

/**
 * A fault of the AWS SDK as the error for people: a SluiceError `STORE` that says what was tried (`doing`),
 * the service's own name and words, and what to do next. A SluiceError stays as it is.
 */
export function awsError(fault: unknown, doing: string): SluiceError {
  if (fault instanceof SluiceError) return fault;
  const name = nameOf(fault);
  const { message } = (fault ?? {}) as { message?: unknown };
  const words = typeof message === 'string' && message !== '' ? message : String(fault);
  const hint = hintFor(fault, words);
  return new SluiceError('STORE', `${doing}: ${name === '' ? '' : `${name}: `}${words}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: fault,
  });
}

/** The service's name for a fault, or the system's code when no service answered; '' when it has none. */
export function nameOf(fault: unknown): string {
  const { name, code } = (fault ?? {}) as { name?: unknown; code?: unknown };
  if (typeof name === 'string' && name !== 'Error' && name !== '') return name;
  return typeof code === 'string' ? code : '';
}

function hintFor(fault: unknown, words: string): string | undefined {
  if (/^Region (is missing|not accepted)/.test(words))
    return 'set AWS_REGION, such as eu-central-1';
  const { name, code } = (fault ?? {}) as { name?: unknown; code?: unknown };
  return REFUSALS.find((row) => row.names.some((one) => one === name || one === code))?.hint;
}

/** Runs one call; what it throws is thrown as `awsError`. */
export async function asking<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (fault) {
    throw awsError(fault, doing);
  }
}

import { devNull } from 'node:os';
import { REGION } from './names.ts';
import type { FunctionSpec } from './specs.ts';

/** Clients of AWS's SDKs reach the emulator by these alone: no code of theirs names an endpoint. */
export function clientEnv(endpoint: string, caller: string): Record<string, string> {
  const services = ['S3', 'SQS', 'DYNAMODB', 'CLOUDFORMATION', 'SECRETS_MANAGER', 'LAMBDA'];
  return {
    ...Object.fromEntries(services.map((service) => [`AWS_ENDPOINT_URL_${service}`, endpoint])),
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    // The access key says who calls (it is what requests are counted by); nothing checks the secret.
    AWS_ACCESS_KEY_ID: caller,
    AWS_SECRET_ACCESS_KEY: 'emulated',
  };
}

export interface FunctionEnvOptions {
  endpoint: string;
  speed: number;
  logStream: string;
  /** How far its clock is off, ms. */
  clockOffsetMs: number;
}

/**
 * The whole environment of a function: what its template says, what Lambda sets
 * (lambda/latest/dg/configuration-envvars), and where the emulated services are. Nothing of ours leaks in.
 */
export function functionEnv(
  spec: FunctionSpec,
  options: FunctionEnvOptions,
): Record<string, string> {
  const { endpoint, speed, logStream, clockOffsetMs } = options;
  return {
    PATH: process.env['PATH'] ?? '',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    ...clientEnv(endpoint, spec.logicalId),
    // The SDK would read what this machine's owner wrote for the real cloud.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    LAMBDA_TASK_ROOT: spec.folder,
    _HANDLER: `index.${spec.exported}`,
    SLUICE_SPEED: String(speed),
    ...(clockOffsetMs === 0 ? {} : { SLUICE_CLOCK_OFFSET_MS: String(clockOffsetMs) }),
    // The bundles are made for the template's runtime; that this Node may be older is no fault of theirs.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    ...spec.environment,
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { invokeLater } from './async-invoke.ts';
import type { OwnAnswers } from './backends.ts';
import type { FunctionPool } from './function-pool.ts';
import { ACCOUNT, REGION, stackId } from './names.ts';

export interface StackOutput {
  key: string;
  value: string;
  description?: string | undefined;
}

export interface OwnAnswersOptions {
  stack: string;
  outputs: readonly StackOutput[];
  startedMs: number;
  /** Finds a function by logical id, name or ARN. */
  find(name: string): FunctionPool | undefined;
  /** The value of a secret, by its name or ARN. */
  secret(name: string): string | undefined;
  speed: number;
  signal: AbortSignal;
}

interface Answer {
  status: number;
  type: string;
  body: string;
  headers?: Record<string, string>;
}

/** CloudFormation DescribeStacks, Secrets Manager GetSecretValue and Lambda Invoke, as AWS answers them. */
export function ownAnswers(options: OwnAnswersOptions): OwnAnswers {
  const services: Record<string, (request: IncomingMessage, body: string) => Promise<Answer>> = {
    cloudformation: async (_request, body) => describeStacks(options, new URLSearchParams(body)),
    secretsmanager: async (request, body) => secretValue(options, request, body),
    lambda: async (request, body) => invoke(options, request, body),
  };
  return (service, request, response) => {
    text(request)
      .then((body) => services[service]?.(request, body))
      .then((answer) => answer !== undefined && write(response, answer))
      .catch(() => response.destroy());
  };
}

function write(response: ServerResponse, { status, type, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'Content-Type': type, ...headers });
  response.end(body);
}

const XML = 'text/xml';

function describeStacks(options: OwnAnswersOptions, call: URLSearchParams): Answer {
  const { stack, outputs, startedMs } = options;
  const action = call.get('Action');
  const wanted = call.get('StackName');
  if (action !== 'DescribeStacks') {
    return xmlError('InvalidAction', `The emulator answers DescribeStacks only, not ${action}.`);
  }
  if (wanted !== null && wanted !== stack && wanted !== stackId(stack)) {
    return xmlError('ValidationError', `Stack with id ${wanted} does not exist`);
  }
  const members = outputs.map(({ key, value, description }) => {
    const more = description === undefined ? '' : element('Description', description);
    return `<member>${element('OutputKey', key)}${element('OutputValue', value)}${more}</member>`;
  });
  const fields = [
    element('StackName', stack),
    element('StackId', stackId(stack)),
    element('CreationTime', new Date(startedMs).toISOString()),
    element('StackStatus', 'CREATE_COMPLETE'),
    `<Outputs>${members.join('')}</Outputs>`,
  ].join('');
  const body = `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>${fields}</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
  return { status: 200, type: XML, body };
}

const xmlError = (code: string, message: string): Answer => ({
  status: 400,
  type: XML,
  body: `<ErrorResponse><Error><Type>Sender</Type>${element('Code', code)}${element('Message', message)}</Error></ErrorResponse>`,
});

const element = (name: string, value: string): string => `<${name}>${escapeXml(value)}</${name}>`;

const escapeXml = (value: string): string =>
  value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

const JSON_1_1 = 'application/x-amz-json-1.1';

function secretValue(
  { secret, startedMs }: OwnAnswersOptions,
  request: IncomingMessage,
  body: string,
): Answer {
  const fault = (code: string, message: string): Answer => ({
    status: 400,
    type: JSON_1_1,
    body: JSON.stringify({ __type: code, Message: message }),
  });
  const target = String(request.headers['x-amz-target'] ?? '');
  if (target !== 'secretsmanager.GetSecretValue') {
    return fault('InvalidRequestException', `The emulator answers GetSecretValue only: ${target}`);
  }
  const { SecretId: id = '' } = JSON.parse(body) as { SecretId?: string };
  const value = secret(id);
  if (value === undefined) {
    return fault(
      'ResourceNotFoundException',
      `Secret ${id} has no value: set the variable that SLUICE_SECRETS names it by, or ${id} itself, in the environment of sluice emulate.`,
    );
  }
  return {
    status: 200,
    type: JSON_1_1,
    body: JSON.stringify({
      ARN: `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${id}`,
      Name: id,
      SecretString: value,
      VersionStages: ['AWSCURRENT'],
      CreatedDate: startedMs / 1000,
    }),
  };
}

const JSON_TYPE = 'application/json';

/** POST /2015-03-31/functions/<name>/invocations (lambda/latest/api/API_Invoke). */
async function invoke(
  { find, speed, signal }: OwnAnswersOptions,
  request: IncomingMessage,
  body: string,
): Promise<Answer> {
  const [, encoded = ''] =
    /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
  const name = decodeURIComponent(encoded);
  const pool = find(name);
  const fault = (status: number, code: string, message: string): Answer => ({
    status,
    type: JSON_TYPE,
    body: JSON.stringify({ Type: 'User', Message: message }),
    headers: { 'x-amzn-ErrorType': code },
  });
  if (pool === undefined)
    return fault(404, 'ResourceNotFoundException', `Function not found: ${name}`);
  const event = body === '' ? '{}' : body;
  if (request.headers['x-amz-invocation-type'] === 'Event') {
    void invokeLater(pool, event, { speed, signal });
    return { status: 202, type: JSON_TYPE, body: '' };
  }
  const result = await pool.invoke(event);
  if (result.did === 'throttled') return fault(429, 'TooManyRequestsException', 'Rate Exceeded.');
  if (result.did === 'answered') return { status: 200, type: JSON_TYPE, body: result.answer };
  const { type: errorType, message: errorMessage } = result;
  return {
    status: 200,
    type: JSON_TYPE,
    body: JSON.stringify({ errorType, errorMessage }),
    headers: { 'X-Amz-Function-Error': 'Unhandled' },
  };
}

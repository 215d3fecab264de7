import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a loopback server says in the place of CloudFormation and Lambda. */
export interface Answers {
  stacks: Record<string, { arn: string; outputs: Record<string, string> }>;
  /** Refuses every call of CloudFormation so. */
  fault?: { status: number; code: string; message: string } | undefined;
  /** AccountLimit of GetAccountSettings; a text is the code of a refusal. */
  lambda?: { ConcurrentExecutions: number; UnreservedConcurrentExecutions: number } | string;
}

export interface AnswerServer {
  answers: Answers;
  /** AWS_ENDPOINT_URL_* of both services. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** DescribeStacks (Query protocol, XML) and GetAccountSettings (REST, JSON) as AWS answers them. */
export async function startAnswers(answers: Answers): Promise<AnswerServer> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const reply = request.url?.includes('account-settings')
        ? settings(answers)
        : describe(answers, new URLSearchParams(body).get('StackName') ?? '');
      response.writeHead(reply.status, reply.headers);
      response.end(reply.body);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    answers,
    env: { AWS_ENDPOINT_URL_CLOUDFORMATION: url, AWS_ENDPOINT_URL_LAMBDA: url },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const xml = (status: number, body: string): Reply => ({
  status,
  headers: { 'content-type': 'text/xml' },
  body,
});

const escapeXml = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

const fault = (status: number, code: string, message: string): Reply =>
  xml(
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></ErrorResponse>`,
  );

function describe(answers: Answers, name: string): Reply {
  if (answers.fault !== undefined) {
    const { status, code, message } = answers.fault;
    return fault(status, code, message);
  }
  const stack = answers.stacks[name];
  if (stack === undefined) {
    return fault(400, 'ValidationError', `Stack with id ${name} does not exist`);
  }
  const outputs = Object.entries(stack.outputs)
    .map(
      ([key, value]) =>
        `<member><OutputKey>${key}</OutputKey><OutputValue>${escapeXml(value)}</OutputValue></member>`,
    )
    .join('');
  return xml(
    200,
    `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>${name}</StackName><StackId>${stack.arn}</StackId><CreationTime>2026-11-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>${outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
  );
}

function settings({ lambda }: Answers): Reply {
  const headers = { 'content-type': 'application/json' };
  if (typeof lambda === 'object') {
    return { status: 200, headers, body: JSON.stringify({ AccountLimit: lambda }) };
  }
  return {
    status: 403,
    headers: { ...headers, 'x-amzn-errortype': lambda ?? 'AccessDeniedException' },
    body: JSON.stringify({
      Message:
        'User: arn:aws:iam::123456789012:user/me is not authorized to perform: lambda:GetAccountSettings',
    }),
  };
}

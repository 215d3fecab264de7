import { pathToFileURL } from 'node:url';

/**
 * One execution environment: a process of its own that loads a handler once and calls it for each event. The
 * emulator starts it with the handler's file and export; everything else comes over the channel.
 */

/** An event as it is sent to an environment. */
export interface EventMessage {
  id: string;
  /** The event, as JSON text. */
  event: string;
  /** Epoch ms at which the environment is killed. */
  deadlineMs: number;
  functionArn: string;
}

/** What an environment says: that it is loaded, or what came of an event. */
export type EnvironmentMessage =
  | { ready: true }
  | { ready: false; type: string; message: string }
  | { id: string; answer: string }
  | { id: string; type: string; message: string };

type Handler = (event: unknown, context: object) => unknown;

// Ctrl-C in a terminal reaches the whole group; the emulator decides when its environments end.
process.on('SIGINT', () => undefined);
// The emulator is gone, however it went: nobody is left to answer.
process.on('disconnect', () => process.exit(0));

const [, , file = '', exported = ''] = process.argv;
const tell = (message: EnvironmentMessage): void => void process.send?.(message);

async function load(): Promise<Handler> {
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const handler = module[exported] ?? (module['default'] as Record<string, unknown>)?.[exported];
  if (typeof handler === 'function') return handler as Handler;
  throw Object.assign(new Error(`${file} exports no function ${exported}`), {
    name: 'Runtime.HandlerNotFound',
  });
}

/** What the second argument of a handler holds (lambda/latest/dg/nodejs-context). */
function contextOf({ id, deadlineMs, functionArn }: EventMessage): object {
  const env = process.env;
  return {
    functionName: env['AWS_LAMBDA_FUNCTION_NAME'],
    functionVersion: env['AWS_LAMBDA_FUNCTION_VERSION'],
    invokedFunctionArn: functionArn,
    memoryLimitInMB: env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
    awsRequestId: id,
    logGroupName: env['AWS_LAMBDA_LOG_GROUP_NAME'],
    logStreamName: env['AWS_LAMBDA_LOG_STREAM_NAME'],
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

/** Prints the stack as Lambda does, and answers with name and message. */
function faultOf(error: unknown): { type: string; message: string } {
  const { name, message, stack } = error as { name?: string; message?: string; stack?: string };
  const fault = { type: name ?? 'Error', message: message ?? String(error) };
  console.error(`ERROR\t${JSON.stringify({ ...fault, stack: stack?.split('\n') })}`);
  return fault;
}

async function answer(handler: Handler, call: EventMessage): Promise<EnvironmentMessage> {
  try {
    const value = await handler(JSON.parse(call.event), contextOf(call));
    return { id: call.id, answer: JSON.stringify(value) ?? 'null' };
  } catch (error) {
    return { id: call.id, ...faultOf(error) };
  }
}

try {
  const handler = await load();
  process.on('message', (call: EventMessage) => {
    void answer(handler, call).then(tell);
  });
  tell({ ready: true });
} catch (error) {
  tell({ ready: false, ...faultOf(error) });
}

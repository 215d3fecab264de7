import type { HttpHost } from '../engine/http-env.ts';
import { newHttpHost } from './http-host.ts';

/** On use only: loading the client takes longer than many a batch. */
export const localHttp = (): HttpHost => newHttpHost(() => import('./http-client.ts'));

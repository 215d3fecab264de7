/** What one caller asked of the emulated services. */
export interface CallerTraffic {
  /** '<service>.<operation>' -> requests. */
  requests: Record<string, number>;
  /** DynamoDB units. A write that its condition refused counts as 1: the records here are below 1 KB. */
  writeUnits: number;
  readUnits: number;
  refusedWrites: number;
}

/** Requests and capacity units by caller: a function's logical id, 'mappings', 'set-up', or whoever signed. */
export interface Traffic {
  count(caller: string, operation: string): void;
  units(caller: string, spent: { write?: number; read?: number; refused?: number }): void;
  snapshot(): Record<string, CallerTraffic>;
}

export function newTraffic(): Traffic {
  const callers = new Map<string, CallerTraffic>();
  const of = (caller: string): CallerTraffic => {
    const known = callers.get(caller);
    if (known !== undefined) return known;
    const fresh = { requests: {}, writeUnits: 0, readUnits: 0, refusedWrites: 0 };
    callers.set(caller, fresh);
    return fresh;
  };
  return {
    count(caller, operation) {
      const { requests } = of(caller);
      requests[operation] = (requests[operation] ?? 0) + 1;
    },
    units(caller, { write = 0, read = 0, refused = 0 }) {
      const sums = of(caller);
      sums.writeUnits += write + refused;
      sums.readUnits += read;
      sums.refusedWrites += refused;
    },
    snapshot: () => structuredClone(Object.fromEntries(callers)),
  };
}

/** Who signed a request, and for which service: `Credential=<caller>/<date>/<region>/<service>/aws4_request`. */
export function signerOf(authorization: string | undefined): { caller: string; service: string } {
  const [, caller = 'outside', service = ''] =
    /Credential=([^/,\s]+)\/[^/,]*\/[^/,]*\/([^/,]+)\//.exec(authorization ?? '') ?? [];
  return { caller, service };
}

export interface HttpCall {
  method: string;
  /** Path and query. */
  url: string;
  target: string | undefined;
  service: string;
}

/** '<service>.<operation>' of a request: what a bill or a trail would call it. */
export function operationOf({ method, url, target, service }: HttpCall): string {
  if (target !== undefined) return `${service || 'aws'}.${target.split('.').at(-1)}`;
  if (service !== 's3' && service !== '') return `${service}.${method}`;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const onObject = /^\/[^/]+\/./.test(pathname);
  return `s3.${onObject ? objectOperation(method, searchParams) : bucketOperation(method, searchParams)}`;
}

function objectOperation(method: string, query: URLSearchParams): string {
  const upload = query.has('uploadId');
  switch (method) {
    case 'PUT':
      return upload ? 'UploadPart' : 'PutObject';
    case 'POST':
      return upload ? 'CompleteMultipartUpload' : 'CreateMultipartUpload';
    case 'DELETE':
      return upload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'HEAD':
      return 'HeadObject';
    default:
      return 'GetObject';
  }
}

const BUCKET: Readonly<Record<string, string>> = {
  PUT: 'CreateBucket',
  DELETE: 'DeleteBucket',
  HEAD: 'HeadBucket',
};

const bucketOperation = (method: string, query: URLSearchParams): string =>
  method === 'POST' && query.has('delete') ? 'DeleteObjects' : (BUCKET[method] ?? 'ListObjectsV2');

/** Stable codes of errors, and the HTTP status that each is answered with. */
import {
  ConflictError,
  KafkaMesosError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../model/errors.ts';

/** What the API itself says, without asking the scheduler: code, status, meaning. */
export const apiCodes = {
  KM_API_MALFORMED: [400, 'the request is not as the document has it: URL, query, headers, JSON or a field'],
  KM_API_TOKEN: [401, 'no token, or a wrong one'],
  KM_API_SCOPE: [403, 'the token may only read'],
  KM_API_NOT_FOUND: [404, 'there is no such route, cluster or broker'],
  KM_API_METHOD: [405, 'the path has no such method; the header `Allow` names those that it has'],
  KM_API_TIMEOUT: [408, 'the request did not arrive whole in time'],
  KM_API_TOO_LARGE: [413, 'the body is larger than 4 MiB'],
  KM_API_MEDIA_TYPE: [415, 'the body is not `application/json`, or is compressed'],
  KM_API_RATE: [
    429,
    'too many requests, failed authentications or streams; the header `Retry-After` says when again',
  ],
  KM_API_HEADERS: [431, 'the headers are larger than 16 KiB'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type ApiCode = keyof typeof apiCodes;

/** Every other code begins as one of these: beginning, status, meaning. */
export const codeFamilies = [
  [
    'KM_SPEC_',
    422,
    'the spec files or what is wanted cannot be; `problems` names each mistake with its place',
  ],
  [
    'KM_CONFLICT_',
    409,
    'something else is there than was expected; look again. `KM_CONFLICT_NOT_LEADER` is of a standby and names the leader',
  ],
  ['KM_UNSAFE_', 409, 'it could lose data, and was not consented to'],
  [
    'KM_UNAVAILABLE_',
    503,
    'somebody who is needed for it cannot be asked just now, or the scheduler is not ready',
  ],
  ['KM_PROTOCOL_', 502, 'Mesos, an agent or Kafka answered what nobody understands'],
  ['KM_BUG_', 500, 'a mistake of the scheduler; the message has an id that its log explains'],
] as const satisfies readonly (readonly [string, number, string])[];

/** What the API refuses by itself. */
export class ApiRefusal extends KafkaMesosError {
  readonly status: number;

  constructor(code: ApiCode, message: string, options: { readonly remedy?: string } = {}) {
    super(code, message, options);
    this.status = apiCodes[code][0];
  }
}

export function statusOf(error: KafkaMesosError): number {
  if (error instanceof ApiRefusal) return error.status;
  if (error instanceof SpecError) return 422;
  if (error instanceof ConflictError || error instanceof UnsafePlanError) return 409;
  if (error instanceof UnavailableError) return 503;
  if (error instanceof ProtocolError) return 502;
  return 500;
}

/** The code for a refusal that fastify or Node's parser made. */
export function codeForStatus(status: number): ApiCode {
  const found = Object.entries(apiCodes).find(([, [of]]) => of === status);
  return (found?.[0] ?? 'KM_API_MALFORMED') as ApiCode;
}

/**
 * Reading files of a task's sandbox by the agent's files API, as the Mesos UI does.
 *
 * Facts (Mesos' `files.cpp`, recording 24): `/files/read?path&offset&length` answers
 * `{"data","offset"}`; `offset=-1` gives the size as `offset`; a path that is unknown or already
 * collected is a 404 with an empty body. One read is cut at 16 memory pages (64 KiB where pages are
 * smallest). The agent serves the sandbox under the virtual path
 * `/frameworks/ID/executors/ID/runs/latest` and under the real directory that `/state` names.
 */
import { ProtocolError, UnavailableError } from '../model/errors.ts';

export type SandboxRequest = {
  /** `http://10.0.0.7:5051` */
  readonly agentUrl: string;
  readonly frameworkId: string;
  /** Of a command task: its task id. */
  readonly executorId: string;
  /** Below the sandbox: `stdout`, `kafka/logs/server.log`. */
  readonly file: string;
  /** How many bytes from the end. */
  readonly bytes: number;
  /** For agents that ask for Basic authentication. */
  readonly credential?: { readonly principal: string; readonly secret: string };
  readonly timeoutMs?: number;
};

export type SandboxTail = { readonly text: string; readonly path: string; readonly totalBytes: number };

/**
 * The end of a sandbox file. Rejects with `UnavailableError` (`KM_UNAVAILABLE_AGENT`: no answer;
 * `KM_UNAVAILABLE_LOG`: no such file) or `ProtocolError`.
 */
export async function readSandboxTail(request: SandboxRequest): Promise<SandboxTail> {
  const virtual = sandboxPath(virtualDirectory(request.frameworkId, request.executorId), request.file);
  const found = await tail(request, virtual);
  if (found !== undefined) return found;
  // The virtual path of an executor that ended goes with the agent's restart; `/state` still knows
  // its directory until that is collected.
  const directory = findSandboxDirectory(await getState(request), request.frameworkId, request.executorId);
  if (directory !== undefined) {
    const real = await tail(request, sandboxPath(directory, request.file));
    if (real !== undefined) return real;
  }
  throw new UnavailableError(
    'KM_UNAVAILABLE_LOG',
    `the agent at ${request.agentUrl} has no file ${virtual}`,
    {
      remedy:
        directory === undefined
          ? 'the sandbox is not there yet, or Mesos has collected it already (its --gc_delay)'
          : 'the task has not written it yet, or it has another name: stdout and stderr are always there',
    },
  );
}

export function virtualDirectory(frameworkId: string, executorId: string): string {
  return `/frameworks/${frameworkId}/executors/${executorId}/runs/latest`;
}

/** Joins, refusing every file that is not plainly below the directory. */
export function sandboxPath(directory: string, file: string): string {
  const segments = file.split('/');
  if (
    segments.some(
      (segment) => segment === '' || segment === '.' || segment === '..' || segment.includes('\0'),
    )
  ) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_LOG',
      `${JSON.stringify(file)} is not a path below the sandbox`,
      {
        remedy: 'name a file such as stdout, stderr or kafka/logs/server.log',
      },
    );
  }
  return `${directory}/${segments.join('/')}`;
}

/** The pieces to read, each small enough that no agent cuts it. */
export function readPieces(
  totalBytes: number,
  wantedBytes: number,
): readonly { offset: number; length: number }[] {
  const pieces: { offset: number; length: number }[] = [];
  for (let offset = Math.max(0, totalBytes - wantedBytes); offset < totalBytes; offset += pieceBytes) {
    pieces.push({ offset, length: Math.min(pieceBytes, totalBytes - offset) });
  }
  return pieces;
}

/** The newest run of the executor in an agent's `/state`; undefined when the agent knows none. */
export function findSandboxDirectory(
  state: unknown,
  frameworkId: string,
  executorId: string,
): string | undefined {
  const frameworks = [...list(state, 'frameworks'), ...list(state, 'completed_frameworks')];
  const framework = frameworks.filter((candidate) => field(candidate, 'id') === frameworkId);
  const executors = framework.flatMap((one) => [
    ...list(one, 'executors'),
    ...list(one, 'completed_executors'),
  ]);
  const directory = field(
    executors.find((candidate) => field(candidate, 'id') === executorId),
    'directory',
  );
  return typeof directory === 'string' ? directory : undefined;
}

const pieceBytes = 64 * 1024;

async function tail(request: SandboxRequest, path: string): Promise<SandboxTail | undefined> {
  const totalBytes = (await read(request, path, { offset: -1 }))?.offset;
  if (totalBytes === undefined) return undefined;
  const parts: Buffer[] = [];
  for (const piece of readPieces(totalBytes, request.bytes)) {
    const part = await read(request, path, piece);
    if (part === undefined) return undefined;
    parts.push(part.data);
  }
  return { text: Buffer.concat(parts).toString('utf8'), path, totalBytes };
}

async function read(
  request: SandboxRequest,
  path: string,
  piece: { offset: number; length?: number },
): Promise<{ data: Buffer; offset: number } | undefined> {
  const query = new URLSearchParams({ path, offset: String(piece.offset) });
  if (piece.length !== undefined) query.set('length', String(piece.length));
  const body = await get(request, `/files/read?${query}`);
  if (body === undefined) return undefined;
  const data = field(body, 'data');
  const offset = field(body, 'offset');
  if (typeof data === 'string' && typeof offset === 'number')
    return { data: Buffer.from(data, 'latin1'), offset };
  throw new ProtocolError(
    'KM_PROTOCOL_AGENT',
    `${request.agentUrl}/files/read answered without data and offset`,
  );
}

async function getState(request: SandboxRequest): Promise<unknown> {
  return get(request, '/state');
}

/** Undefined for a 404. */
async function get(request: SandboxRequest, path: string): Promise<unknown> {
  const { agentUrl, credential, timeoutMs = 10_000 } = request;
  let response: Response;
  let bytes: Buffer;
  try {
    response = await fetch(`${agentUrl}${path}`, {
      headers: {
        accept: 'application/json',
        ...(credential === undefined
          ? {}
          : {
              authorization: `Basic ${Buffer.from(`${credential.principal}:${credential.secret}`).toString('base64')}`,
            }),
      },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    bytes = await readBounded(response);
  } catch (error) {
    throw new UnavailableError('KM_UNAVAILABLE_AGENT', `the agent at ${agentUrl} does not answer`, {
      cause: error,
      remedy: 'check that the agent runs and that its port can be reached from the scheduler',
    });
  }
  if (response.status === 404) return undefined;
  if (response.status === 401 || response.status === 403) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_AGENT',
      `the agent at ${agentUrl} refuses us its files (${response.status})`,
      {
        remedy: 'give the scheduler a principal and secret that may read sandboxes',
      },
    );
  }
  try {
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    // Agents put the file's bytes into the JSON string as they are, and a piece may begin in the
    // middle of a character: as Latin-1 each character is one byte and nothing is lost.
    return JSON.parse(bytes.toString('latin1'));
  } catch (error) {
    throw new ProtocolError(
      'KM_PROTOCOL_AGENT',
      `unexpected answer of the agent at ${agentUrl}${path.split('?')[0]}`,
      {
        cause: error,
      },
    );
  }
}

const answerLimitBytes = 64 * 1024 * 1024;

async function readBounded(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const part of response.body ?? []) {
    total += part.byteLength;
    if (total > answerLimitBytes) throw new Error(`answer larger than ${answerLimitBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}

/** Which recorded requests are for the model, and what is in them. */
import type { Line, Recording } from './recording.ts';

/** Requests the HTTP shell answers by itself, and interfaces that are no part of the model. */
export function whyNotOurs(line: Line, recording: Recording): string | undefined {
  const path = line.path ?? '';
  if (!/^(\/master)?\/api\/v1(\/scheduler\/?)?$|\/api\/v1\/executor$/.test(path))
    return 'is another interface';
  if (line.method !== 'POST') return 'is refused by its method';
  const answer = recording.lines.find(
    (one) =>
      one.id === line.id && one.conn === line.conn && (one.kind === 'response' || one.kind === 'closed'),
  );
  if (answer?.error !== undefined) return 'was not answered by any process';
  if (typeof line.body === 'string' || line.body === null) return 'has no body of the API';
  const text = typeof answer?.body === 'string' ? answer.body : '';
  if (/Failed to (convert|parse)|Expecting '(Content-Type|Accept)'/.test(text))
    return 'is refused by the codec';
  if (/^404 Not Found|^Master has not finished recovery/.test(text)) return 'came before the master was up';
  const type = (line.body as { type?: string }).type;
  if (path === '/api/v1' && type === 'SUBSCRIBE') return 'is the operator event stream';
  return undefined;
}

export function recordedStreamId(recording: Recording, request: Line): string | undefined {
  const answer = recording.lines.find(
    (line) => line.kind === 'response' && line.id === request.id && line.conn === request.conn,
  );
  return answer?.headers?.['Mesos-Stream-Id'];
}

export function idsIn(body: unknown): string[] {
  const found: string[] = [];
  deep(body, (text, key) => {
    if (key === 'uuid' || /^[0-9a-f-]{36}(-O\d+|-\d{4})?$|^[A-Za-z0-9+/]{22}==$/.test(text)) found.push(text);
    return text;
  });
  return found;
}

export function deep(value: unknown, change: (text: string, key: string) => string, key = ''): unknown {
  if (typeof value === 'string') return change(value, key);
  if (Array.isArray(value)) return value.map((inner) => deep(inner, change, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, deep(inner, change, name)]));
}

import http from 'node:http';
import { ConflictError, type KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import { formatHostPort, type HostPort } from './master-address.ts';

/** HTTP Basic, the only scheme of a master's own authenticator. */
export type Credentials = { readonly principal: string; readonly secret: string };

export const failedOverCode = 'KM_CONFLICT_MESOS_FAILED_OVER';

const path = '/api/v1/scheduler';
const mediaType = 'application/x-protobuf';
/** Of an answer that is text for people; a master's refusals are one line. */
const maxAnswerBytes = 64 * 1024;

/** POST of one encoded call; `agent` is the caller's own pool of one connection, or false for none. */
export function openPost(options: {
  readonly master: HostPort;
  readonly body: Uint8Array;
  readonly agent: http.Agent | false;
  readonly credentials?: Credentials | undefined;
  readonly streamId?: string | undefined;
}): http.ClientRequest {
  const { master, body, agent, credentials, streamId } = options;
  const request = http.request({
    host: master.host,
    port: master.port,
    method: 'POST',
    path,
    agent,
    headers: {
      'Content-Type': mediaType,
      // Exactly this: with none, or with a wildcard, the master answers in JSON.
      Accept: mediaType,
      'Content-Length': body.length,
      ...(streamId === undefined ? {} : { 'Mesos-Stream-Id': streamId }),
      ...(credentials === undefined ? {} : { Authorization: basic(credentials) }),
    },
  });
  request.end(body);
  return request;
}

/** The text of an answer, its beginning if it is long. */
export function readAnswer(response: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    response.on('data', (part: Buffer) => {
      if (length < maxAnswerBytes) parts.push(part);
      length += part.length;
    });
    response.on('end', () => resolve(Buffer.concat(parts).toString('utf8').slice(0, 2_000).trim()));
    response.on('error', reject);
    response.on('close', () => reject(new Error('the connection closed within the answer')));
  });
}

/**
 * What an answer other than success means.
 *
 * - 307, 404, 503: this master does not lead, or not yet. The call was not looked at: UnavailableError, `not-sent`.
 * - other 5xx: UnavailableError, `unknown`.
 * - 400 about another stream id: a newer subscription holds the framework: ConflictError `failedOverCode`.
 * - 403 and 400 "Framework cannot be found": the master does not know this subscription (any more), as after
 *   its own failover: ConflictError. Only a new subscription helps.
 * - any other 4xx: the call itself is wrong: ProtocolError with the master's own words.
 */
export function refusalOf(
  master: HostPort,
  callType: string,
  status: number,
  answer: string,
): KafkaMesosError {
  const said = `Master ${formatHostPort(master)} answered ${callType} with ${status}${answer === '' ? '' : `: ${answer}`}`;
  if (status === 307 || status === 404 || status === 503) {
    return new UnavailableError('KM_UNAVAILABLE_MASTER_NOT_LEADING', `${said}.`, { outcome: 'not-sent' });
  }
  if (status >= 500)
    return new UnavailableError('KM_UNAVAILABLE_MASTER_FAILED', `${said}.`, { outcome: 'unknown' });
  if (status === 401) {
    return new ProtocolError('KM_PROTOCOL_MESOS_CREDENTIALS', `${said}.`, {
      remedy: "Check the principal and its secret against the master's --credentials.",
    });
  }
  if (status === 400 && /didn't match the stream ID/.test(answer)) {
    return new ConflictError(failedOverCode, `${said}.`);
  }
  if (status === 403 || (status === 400 && answer === 'Framework cannot be found')) {
    return new ConflictError('KM_CONFLICT_MESOS_SUBSCRIPTION', `${said}.`);
  }
  return new ProtocolError('KM_PROTOCOL_MESOS_CALL_REFUSED', `${said}.`);
}

export function basic({ principal, secret }: Credentials): string {
  return `Basic ${Buffer.from(`${principal}:${secret}`).toString('base64')}`;
}

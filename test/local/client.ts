import { request as httpRequest, type IncomingMessage } from 'node:http';
import {
  decodeExecutorEvent,
  decodeSchedulerEvent,
  encodeExecutorCall,
  encodeSchedulerCall,
} from '../../src/mesos/codec.ts';
import { createRecordDecoder } from '../../src/mesos/record-io.ts';
import type { ExecutorEvent, Offer, SchedulerEvent, TaskStatus } from '../../src/mesos/types.ts';
import { eventually } from './support.ts';

/* A plain client of the v1 APIs, apart from the product's own, so that both do not share a mistake. */

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
};

export type Media = 'application/json' | 'application/x-protobuf';

export async function send(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: Uint8Array | string,
): Promise<Answer> {
  const response = await open(method, url, headers, body);
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

export function open(
  method: string,
  url: string,
  headers: Record<string, string>,
  body?: Uint8Array | string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const request = httpRequest(url, {
      method,
      headers: { ...headers, 'Content-Length': length },
      agent: false,
    });
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
}

export type Subscription<Event> = {
  readonly streamId: string;
  readonly events: Event[];
  readonly contentType: string;
  /** Whether the stream has ended, properly or not. */
  ended(): boolean;
  waitFor<Found extends Event>(what: string, is: (event: Event) => event is Found): Promise<Found>;
  close(): void;
};

/** Subscribes and collects the events. `call` is sent as it is. */
export async function subscribe<Event extends SchedulerEvent | ExecutorEvent>(
  url: string,
  call: object,
  media: Media,
): Promise<Subscription<Event>> {
  const isScheduler = url.endsWith('scheduler');
  const encode = (isScheduler ? encodeSchedulerCall : encodeExecutorCall) as (call: object) => Uint8Array;
  const decode = (isScheduler ? decodeSchedulerEvent : decodeExecutorEvent) as (bytes: Uint8Array) => Event;
  const body = media === 'application/json' ? JSON.stringify(call) : encode(call);
  const response = await open('POST', url, { 'Content-Type': media, Accept: media }, body);
  if (response.statusCode !== 200) {
    let text = '';
    for await (const chunk of response) text += chunk;
    throw new Error(`SUBSCRIBE was answered ${response.statusCode}: ${text}`);
  }
  const decoder = createRecordDecoder();
  const events: Event[] = [];
  let ended = false;
  response.on('data', (chunk: Buffer) => {
    for (const record of decoder.push(chunk)) {
      events.push(media === 'application/json' ? JSON.parse(Buffer.from(record).toString()) : decode(record));
    }
  });
  response.on('error', () => {});
  response.on('close', () => {
    ended = true;
  });
  return {
    streamId: String(response.headers['mesos-stream-id']),
    contentType: String(response.headers['content-type']),
    events,
    ended: () => ended,
    waitFor: (what, is) => eventually(what, () => events.find(is)),
    close: () => void response.destroy(),
  };
}

export type Framework = Subscription<SchedulerEvent> & {
  readonly frameworkId: string;
  /** Sends a call; its status. */
  call(body: object): Promise<number>;
  /** The offer of the agent with that hostname. */
  offer(hostname: string, fits?: (offer: Offer) => boolean): Promise<Offer>;
  /** Waits for that state of the task; acknowledges every update on the way. */
  state(taskId: string, state: string): Promise<TaskStatus>;
};

const frameworkInfo = {
  name: 'test',
  roles: ['kafka'],
  principal: 'kafka',
  checkpoint: true,
  failover_timeout: 3600,
  capabilities: [
    { type: 'MULTI_ROLE' },
    { type: 'PARTITION_AWARE' },
    { type: 'TASK_KILLING_STATE' },
    { type: 'RESERVATION_REFINEMENT' },
  ],
};

/** A framework that acknowledges what it hears. */
export async function register(
  masterUrl: string,
  media: Media,
  user: string,
  frameworkId?: string,
): Promise<Framework> {
  const url = `${masterUrl}/api/v1/scheduler`;
  const id = frameworkId === undefined ? {} : { framework_id: { value: frameworkId } };
  const info = {
    ...frameworkInfo,
    user,
    ...(frameworkId === undefined ? {} : { id: { value: frameworkId } }),
  };
  const stream = await subscribe<SchedulerEvent>(
    url,
    { type: 'SUBSCRIBE', ...id, subscribe: { framework_info: info } },
    media,
  );
  const first = await stream.waitFor('SUBSCRIBED', (event) => event.type === 'SUBSCRIBED');
  const framework_id = first.subscribed.framework_id;
  const call = async (body: object): Promise<number> => {
    const full = { framework_id, ...body };
    const bytes = media === 'application/json' ? JSON.stringify(full) : encodeSchedulerCall(full as never);
    const headers = { 'Content-Type': media, Accept: media, 'Mesos-Stream-Id': stream.streamId };
    const answer = await send('POST', url, headers, bytes);
    return answer.status;
  };
  const acknowledged = new Set<string>();
  const acknowledge = async (): Promise<void> => {
    for (const event of stream.events) {
      if (event.type !== 'UPDATE') continue;
      const { uuid, task_id, agent_id } = event.update.status;
      if (uuid === undefined || acknowledged.has(uuid)) continue;
      acknowledged.add(uuid);
      await call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } });
    }
  };
  const used = new Set<string>();
  return {
    ...stream,
    frameworkId: framework_id.value,
    call,
    offer: (hostname, fits = () => true) =>
      eventually(`an offer of ${hostname}`, () => {
        const rescinded = new Set(
          stream.events.flatMap((event) => (event.type === 'RESCIND' ? [event.rescind.offer_id.value] : [])),
        );
        const offers = stream.events.flatMap((event) =>
          event.type === 'OFFERS' ? (event.offers.offers ?? []) : [],
        );
        const found = offers.find(
          (offer) =>
            offer.hostname === hostname &&
            !rescinded.has(offer.id.value) &&
            !used.has(offer.id.value) &&
            fits(offer),
        );
        if (found) used.add(found.id.value);
        return found;
      }),
    state: (taskId, state) =>
      eventually(`${taskId} in ${state}`, async () => {
        await acknowledge();
        const updates = stream.events.flatMap((event) =>
          event.type === 'UPDATE' ? [event.update.status] : [],
        );
        return updates.find((status) => status.task_id.value === taskId && status.state === state);
      }),
  };
}

/** Resources in the role's allocation, as offers have them. */
export function resources(cpus: number, mem: number): object[] {
  const allocation_info = { role: 'kafka' };
  return [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, allocation_info },
    { name: 'mem', type: 'SCALAR', scalar: { value: mem }, allocation_info },
  ];
}

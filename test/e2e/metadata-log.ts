/**
 * The metadata log as history: what the controllers decided, read by Kafka's own tool from a copy of a
 * node's `__cluster_metadata-0`. Sampling a running cluster would miss what lasts a moment; this does not.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaTool, libsOf } from './harness.ts';

export type MetadataEvent =
  | { readonly kind: 'leader'; readonly offset: number; readonly nodeId: number }
  | { readonly kind: 'registered'; readonly offset: number; readonly nodeId: number }
  /** `inControlledShutdown` counts as down: the broker gives its leaders away and leaves the in-sync sets. */
  | { readonly kind: 'up' | 'down'; readonly offset: number; readonly nodeId: number }
  | {
      readonly kind: 'isr';
      readonly offset: number;
      readonly topic: string;
      readonly partition: number;
      readonly isr: readonly number[];
      readonly minIsr: number;
    };

type Payload = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };

/** Events of one node's log, in order. The node may run: what it has on disk is committed or about to be. */
export async function readMetadataLog(home: string, directory: string): Promise<readonly MetadataEvent[]> {
  const copy = mkdtempSync(join(home, 'metadata-'));
  try {
    cpSync(directory, copy, { recursive: true });
    const files = readdirSync(copy)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .map((name) => join(copy, name));
    const tool = kafkaTool(libsOf(home), 'org.apache.kafka.tools.DumpLogSegments', [
      '--cluster-metadata-decoder',
      '--files',
      files.join(','),
    ]);
    const out: Buffer[] = [];
    tool.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    const code = await new Promise((resolve) => tool.on('close', resolve));
    const text = Buffer.concat(out).toString();
    if (code !== 0) throw new Error(`DumpLogSegments ended with ${code}\n${text.slice(-2_000)}`);
    return foldLines(text.split('\n'));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Lines as `| offset: 5 CreateTime: 1 … payload: {"type":"…","version":0,"data":{…}}`. */
function foldLines(lines: readonly string[]): readonly MetadataEvent[] {
  const events: MetadataEvent[] = [];
  const topics = new Map<string, string>();
  const minIsr = new Map<string, number>();
  const incarnations = new Set<string>();
  for (const line of lines) {
    const offset = Number(/^\| offset: (\d+) /.exec(line)?.[1] ?? Number.NaN);
    if (Number.isNaN(offset)) continue;
    const elected = /LeaderChange: (\{.*\})$/.exec(line)?.[1];
    if (elected !== undefined) {
      events.push({ kind: 'leader', offset, nodeId: Number(JSON.parse(elected).leaderId) });
      continue;
    }
    const json = / payload: (\{.*\})$/.exec(line)?.[1];
    if (json === undefined) continue;
    const { type, data } = JSON.parse(json) as Payload;
    switch (type) {
      case 'TOPIC_RECORD':
        topics.set(String(data.topicId), String(data.name));
        break;
      case 'CONFIG_RECORD':
        // Resource type 2 is a topic, 4 with no name is the default of all brokers.
        if (data.name === 'min.insync.replicas' && (data.resourceType === 2 || data.resourceName === '')) {
          minIsr.set(String(data.resourceName), Number(data.value));
        }
        break;
      case 'REGISTER_BROKER_RECORD':
        // A process whose answer was late registers once more.
        if (incarnations.has(String(data.incarnationId))) break;
        incarnations.add(String(data.incarnationId));
        events.push({ kind: 'registered', offset, nodeId: Number(data.brokerId) });
        events.push({ kind: 'down', offset, nodeId: Number(data.brokerId) });
        break;
      case 'BROKER_REGISTRATION_CHANGE_RECORD': {
        const nodeId = Number(data.brokerId);
        if (data.fenced === 1 || data.inControlledShutdown === 1)
          events.push({ kind: 'down', offset, nodeId });
        else if (data.fenced === -1) events.push({ kind: 'up', offset, nodeId });
        break;
      }
      case 'PARTITION_RECORD':
      case 'PARTITION_CHANGE_RECORD': {
        // A change that leaves the in-sync set as it is names none.
        if (!Array.isArray(data.isr)) break;
        const topic = topics.get(String(data.topicId)) ?? String(data.topicId);
        events.push({
          kind: 'isr',
          offset,
          topic,
          partition: Number(data.partitionId),
          isr: data.isr.map(Number),
          minIsr: minIsr.get(topic) ?? minIsr.get('') ?? 1,
        });
        break;
      }
      default:
    }
  }
  return events;
}

/** Each moment at which more than one broker was down, once all had been up. */
export function overlaps(events: readonly MetadataEvent[], brokers: number): readonly string[] {
  const up = new Set<number>();
  let formed = false;
  const found: string[] = [];
  for (const event of events) {
    if (event.kind === 'up') up.add(event.nodeId);
    if (event.kind === 'down') up.delete(event.nodeId);
    formed ||= up.size === brokers;
    if (formed && up.size < brokers - 1) found.push(`offset ${event.offset}: only ${[...up].join(', ')} up`);
  }
  return found;
}

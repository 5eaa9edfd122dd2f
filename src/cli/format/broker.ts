/** Everything about one broker: first why it does not run, then where it is, what differs and what happened to it. */
import { type Explanation, explainBroker } from '../../model/explanation.ts';
import {
  type BrokerStatus,
  type ClusterEvent,
  type ClusterStatus,
  type DiskStatus,
  eventSentence,
} from '../../model/status.ts';
import { renderEvents } from './events.ts';
import { renderOpen } from './plan.ts';
import { inSyncText, intentText, maintenanceText, progressText, type StatusFormat } from './status.ts';
import { hang, printable, type Style } from './text.ts';
import { byteSize, clockTime, dateTime, duration } from './time.ts';

/** Undefined where nothing is known of that id. `events`: of the whole cluster. */
export function renderBrokerDescription(
  cluster: ClusterStatus,
  id: number,
  events: readonly ClusterEvent[],
  format: StatusFormat,
): string | undefined {
  const { style, width } = format;
  const nowMs = cluster.observedAtMs;
  const explanation = explainBroker(cluster, id, (atMs) => recently(atMs, nowMs));
  if (explanation === undefined) return undefined;
  const broker = cluster.brokers.find((one) => one.id === id);
  const own = events.filter((event) => isAbout(event, id));
  const sections: (readonly string[])[] = [
    renderAnswer(explanation, nowMs, format),
    ...renderOffers(explanation, nowMs, width),
    ...renderOpen(explanation.others, style, width),
    ...(broker === undefined ? [] : brokerSections(cluster, broker, format)),
    ...(own.length === 0 ? [] : [renderEvents(own.map(withoutSubject(id)), cluster, format)]),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function renderAnswer(
  { answer, wait }: Explanation,
  nowMs: number,
  { style, width }: StatusFormat,
): readonly string[] {
  const since =
    wait?.sinceMs === undefined || nowMs - wait.sinceMs < 1_000
      ? []
      : [`since ${recently(wait.sinceMs, nowMs)} (${duration(nowMs - wait.sinceMs)})`];
  const until =
    wait?.untilMs === undefined || wait.untilMs <= nowMs
      ? []
      : [`until ${recently(wait.untilMs, nowMs)} at the latest (${duration(wait.untilMs - nowMs)})`];
  const times = [...since, ...until];
  const how = wait?.stalled === true ? 'A person has to act' : 'Waiting';
  return [
    ...hang('', answer, width).map(style.bold),
    ...(times.length === 0 ? [] : hang('  ', `${how}, ${times.join(', ')}`, width)),
    ...(wait?.remedy === undefined ? [] : hang('  → ', wait.remedy, width)),
  ];
}

function renderOffers(
  { offers, silentAgents }: Explanation,
  nowMs: number,
  width: number,
): readonly (readonly string[])[] {
  if (offers.length === 0 && silentAgents.length === 0) return [];
  const nameWidth = Math.min(40, Math.max(0, ...offers.map(({ agent }) => printable(agent).length)));
  return [
    [
      offers.length === 0 ? 'No agent offered anything lately.' : 'Offered lately, and why it did not do:',
      ...offers.flatMap(({ agent, atMs, reasons }) =>
        hang(
          `  ${printable(agent).padEnd(nameWidth)}  ${atMs === undefined ? 'just now' : recently(atMs, nowMs)}  `,
          reasons.join('; '),
          width,
        ),
      ),
      ...(silentAgents.length === 0
        ? []
        : hang('  ', `nothing was offered by ${silentAgents.join(', ')}`, width)),
    ],
  ];
}

function brokerSections(
  { name }: ClusterStatus,
  broker: BrokerStatus,
  { style, width }: StatusFormat,
): readonly (readonly string[])[] {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['State', broker.state + (broker.phase === undefined ? '' : ` (${broker.phase})`)],
    ['Roles', broker.roles.join(', ')],
    ['Pool', broker.pool],
    [
      'Agent',
      broker.agent === undefined
        ? undefined
        : `${broker.agent}${broker.agentId === undefined ? '' : ` (${broker.agentId})`}`,
    ],
    ['Asked', broker.intent && intentText(broker.intent)],
    ['Rack', broker.rack],
    ['Endpoint', broker.endpoint],
    ['Task', broker.taskId],
    ['JVM pid', broker.jvmPid?.toString()],
    ['Started', broker.startedAtMs === undefined ? undefined : dateTime(broker.startedAtMs)],
    ['In sync', inSyncText(broker)],
    ['Planned', maintenanceText(broker)],
    ['Restarts', String(broker.restarts)],
    ['Failures', broker.failures === 0 ? undefined : `${broker.failures} in a row`],
    ['Progress', progressText(broker)],
    ['Last end', broker.lastEnd && lastEndText(broker.lastEnd)],
  ];
  const list = (title: string, mark: string, texts: readonly string[]): readonly (readonly string[])[] =>
    texts.length === 0 ? [] : [[title, ...texts.flatMap((text) => hang(mark, text, width))]];
  return [
    [
      style.bold(`Broker ${broker.id} of cluster ${printable(name)}`),
      ...facts.flatMap(([title, value]) =>
        value === undefined ? [] : hang(`  ${title.padEnd(10)}`, value, width),
      ),
    ],
    ...list('Differs from the spec (taken up by a restart):', '  ~ ', broker.drift),
    ...(broker.disks === undefined || broker.disks.length === 0
      ? []
      : [renderDisks(broker.disks, style, width)]),
    ...list('Warnings:', '  ', broker.warnings),
  ];
}

function renderDisks(disks: readonly DiskStatus[], style: Style, width: number): readonly string[] {
  return [
    'Disks:',
    ...disks.flatMap(({ path, state, totalBytes, freeBytes, error }) => {
      const free = `${byteSize(freeBytes)} of ${byteSize(totalBytes)} free`;
      const paint = state === 'failed' || state === 'full' ? style.red : (text: string) => text;
      return hang('  ', `${path}  ${state}, ${error === undefined ? free : error}`, width).map(paint);
    }),
  ];
}

function lastEndText({ atMs, state, why, ordered }: NonNullable<BrokerStatus['lastEnd']>): string {
  return `${dateTime(atMs)} ${state}${ordered === true ? ', as ordered' : ''}: ${why}`;
}

/** The cluster's own events that name it among others are about it too. */
function isAbout(event: ClusterEvent, id: number): boolean {
  return (
    event.brokerId === id ||
    (event.brokerId === undefined && new RegExp(`broker ${id}\\b`).test(event.message))
  );
}

/** Whose events these are stands above them. */
const withoutSubject =
  (id: number) =>
  (event: ClusterEvent): ClusterEvent => {
    const { brokerId: _known, ...rest } = event;
    return eventSentence(event).startsWith(`broker ${id}: `) ? rest : event;
  };

const recently = (atMs: number, nowMs: number): string =>
  Math.abs(nowMs - atMs) < 86_400_000 / 2 ? clockTime(atMs) : dateTime(atMs);

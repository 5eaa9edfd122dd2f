/** A small task on each agent: what would make every broker fail there is found in seconds, and by name. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatHostPort } from '../../src/mesos/master-address.ts';
import { readSandboxTail } from '../../src/mesos/sandbox.ts';
import type { Offer, Resource, TaskStatus } from '../../src/mesos/types.ts';
import type { Chapter } from './conformance.ts';
import { type Agent, agentId, agentUrl, serviceHostOf } from './operator.ts';
import { expect, Failure } from './report.ts';
import type { Subscriber } from './subscriber.ts';

const over = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_LOST',
]);
const oldestJava = 17;

export async function probeAgents(
  one: Subscriber,
  chapter: Chapter,
  offers: () => Promise<readonly Offer[]>,
): Promise<string> {
  const { listen, host } = chapter.ground.artifacts;
  const token = randomUUID();
  const server = createServer((_request, response) => response.end(`${token}\n`));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new Failure(
          `${formatHostPort(listen)} cannot be listened on: ${error.message}\n→ set KAFKA_MESOS_ADVERTISE`,
        ),
      ),
    );
    server.listen(listen.port, listen.host, resolve);
  });
  try {
    const { port } = server.address() as AddressInfo;
    const url = `http://${formatHostPort({ host, port })}/probe.txt`;
    const held = await offers();
    const results = await Promise.allSettled(
      chapter.ground.agents.map((agent) => probe(one, chapter, agent, held, url, token)),
    );
    const failures = results.flatMap((r) => (r.status === 'rejected' ? [explain(r.reason)] : []));
    if (failures.length > 0) throw new Failure(failures.join('\n'));
    return results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : [])).join(', ');
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function probe(
  one: Subscriber,
  chapter: Chapter,
  agent: Agent,
  held: readonly Offer[],
  url: string,
  token: string,
): Promise<string> {
  const { settings, name } = chapter;
  const { hostname } = agent.agent_info;
  const offer = held.find((candidate) => candidate.agent_id.value === agentId(agent));
  expect(offer !== undefined, `${hostname}: its offer is gone`);
  one.offers.delete(offer.id.value);
  const taskId = `${name}-${hostname}`.slice(0, 200);
  const value = probeCommand(token, chapter.ground.agents.map(serviceHostOf));
  await one.call({
    type: 'ACCEPT',
    accept: {
      offer_ids: [offer.id],
      operations: [
        {
          type: 'LAUNCH',
          launch: {
            task_infos: [
              {
                name: taskId,
                task_id: { value: taskId },
                agent_id: offer.agent_id,
                resources: [take(offer, 'cpus', 0.2), take(offer, 'mem', 64)],
                command: {
                  value,
                  uris: [{ value: url, extract: false, cache: false, output_file: 'probe.txt' }],
                },
              },
            ],
          },
        },
      ],
    },
  });
  const end = await one.update(taskId, settings.waitMs, ({ state }) => over.has(state));
  const states = one.events.flatMap((event) =>
    event.type === 'UPDATE' && event.update.status.task_id.value === taskId
      ? [event.update.status.state]
      : [],
  );
  const said = await readSandboxTail({
    agentUrl: agentUrl(agent),
    frameworkId: offer.framework_id.value,
    executorId: taskId,
    file: end.state === 'TASK_FINISHED' ? 'stdout' : end.reason === undefined ? 'stdout' : 'stderr',
    bytes: 2_000,
    ...(settings.credentials === undefined ? {} : { credential: settings.credentials }),
  }).then(
    ({ text }) => text.trim(),
    (error: Error) => `its sandbox cannot be read: ${error.message}`,
  );
  expect(end.state === 'TASK_FINISHED', `${hostname}: ${failed(end, url, settings.user)}\n${said}`);
  const distinct = states.filter((state, index) => states.indexOf(state) === index).join(' ');
  expect(
    distinct === 'TASK_STARTING TASK_RUNNING TASK_FINISHED',
    `${hostname}: the task was ${distinct}; expected TASK_STARTING TASK_RUNNING TASK_FINISHED`,
  );
  const version = /version "(?:1\.)?(\d+)[^"]*"/.exec(said);
  expect(version !== null, `${hostname}: java -version said: ${said}`);
  expect(
    Number(version[1]) >= oldestJava,
    `${hostname}: it has Java ${version[1]}; Kafka needs ${oldestJava}\n→ install one, or set JAVA_HOME for what the agent starts`,
  );
  return `${hostname} Java ${version[1]}`;
}

/** Run by the agent's shell: the file came, the names of the other brokers' agents resolve, there is a Java. */
function probeCommand(token: string, hosts: readonly string[]): string {
  const plain = hosts.filter((host) => /^[\w.:-]+$/.test(host));
  return [
    `grep -q ${token} probe.txt || { echo 'probe.txt is not what was served'; exit 3; }`,
    `if command -v getent >/dev/null; then for host in ${plain.join(' ')}; do getent ahosts "$host" >/dev/null || { echo "the name $host does not resolve here, and brokers talk to one another by it"; exit 4; }; done; fi`,
    'java=java; [ -z "$JAVA_HOME" ] || java="$JAVA_HOME/bin/java"',
    '"$java" -version 2>&1',
  ].join('; ');
}

function failed({ state, reason, message }: TaskStatus, url: string, user: string): string {
  const seen = `the task ended as ${state}${reason === undefined ? '' : ` (${reason})`}: ${message ?? 'without a message'}`;
  if (reason === 'REASON_CONTAINER_LAUNCH_FAILED') {
    return `${seen}\n→ it may not reach ${url}: set KAFKA_MESOS_ADVERTISE; or there is no Unix user ${user} (MESOS_USER)`;
  }
  if (reason === 'REASON_EXECUTOR_TERMINATED')
    return `${seen}\n→ there may be no Unix user ${user} there: set MESOS_USER`;
  if (reason === 'REASON_TASK_UNAUTHORIZED')
    return `${seen}\n→ let the master's ACLs (run_tasks) allow user ${user}`;
  return `${seen}\n→ if there is no java: install Java ${oldestJava} or later on the agent`;
}

/** As much of one kind as is asked for, unreserved or statically reserved for us. */
function take(offer: Offer, name: string, amount: number): Resource {
  const found = (offer.resources ?? []).find(
    (resource) =>
      resource.name === name &&
      resource.disk === undefined &&
      (resource.scalar?.value ?? 0) >= amount &&
      (resource.reservations ?? []).every(({ type }) => type !== 'DYNAMIC'),
  );
  expect(found !== undefined, `${offer.hostname}: its offer has no ${name} ${amount} in one piece`);
  return { ...found, scalar: { value: amount } };
}

function explain(reason: unknown): string {
  return reason instanceof Failure
    ? reason.message
    : reason instanceof Error
      ? (reason.stack ?? '')
      : String(reason);
}

/** What is there, and what cannot work on it: said before anything is started. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatHostPort } from '../../src/mesos/master-address.ts';
import { createOperatorClient } from '../../src/mesos/operator.ts';
import { executorResources } from '../../src/model/desired.ts';
import {
  type Agent,
  addressOf,
  agentId,
  agentUrl,
  type Operator,
  type Resource,
  serviceHostOf,
} from './operator.ts';
import { expect, Failure, type Report } from './report.ts';
import type { Settings } from './settings.ts';

/** Of one broker of the flow, its executor included; `ports` for its listener, its controller, and one to spare. */
const brokerNeeds = {
  cpus: 0.5 + executorResources.cpus,
  mem: 768 + executorResources.memoryMiB,
  disk: 1024,
  ports: 3,
};
const brokerCount = 3;
/** DRAIN_AGENT and REACTIVATE_AGENT came with it. */
const oldest = [1, 9] as const;

export type Ground = {
  readonly version: string;
  /** Each with room for a broker. */
  readonly agents: readonly Agent[];
  /** For `--artifact-listen`, and what agents reach it by where that is another name. */
  readonly artifacts: {
    readonly listen: { readonly host: string; readonly port: number };
    readonly host: string;
  };
};

export async function preflight(
  settings: Settings,
  operator: Operator,
  report: Report,
): Promise<Ground | undefined> {
  report.chapter('Preflight');
  let version = '';
  let all: readonly Agent[] = [];
  let artifacts: Ground['artifacts'] | undefined;
  await report.step('a leading master answers, of a version that will do', async () => {
    version = await operator.version();
    expect(isNewEnough(version), `it is Mesos ${version}; ${oldest.join('.')} or later is needed`);
    return `Mesos ${version} at ${formatHostPort(await operator.leader())}`;
  });
  await report.step('its agents are listed, and our own client reads the same', async () => {
    all = await operator.agents();
    const { detector } = operator;
    const { credentials } = settings;
    const client = createOperatorClient({ detector, ...(credentials === undefined ? {} : { credentials }) });
    const inventory = await client.inventory();
    const ids = (list: readonly string[]): string => list.toSorted().join(' ');
    expect(
      ids(inventory.agents.map((a) => a.agentId)) === ids(all.map(agentId)),
      `our client lists other agents: ${ids(inventory.agents.map((a) => a.agentId))} instead of ${ids(all.map(agentId))}`,
    );
    const recovered = inventory.recoveredAgents.map(({ hostname }) => hostname);
    expect(
      recovered.length === 0,
      `the master failed over lately and still waits for ${recovered.join(', ')}: until then it answers nothing about unknown tasks\n→ wait for these agents, at most 10 minutes, and run again`,
    );
    for (const agent of all) report.say(describe(agent, settings.role));
    return `${all.length} agents, ${inventory.frameworks.filter((f) => f.connected).length} frameworks connected`;
  });
  const usable = all.filter((agent) => shortOf(agent, settings.role).length === 0);
  await report.step('three agents have room for a broker each', async () => {
    const verdict = judgeAgents(all, settings.role);
    if (verdict !== undefined) throw new Failure(verdict);
    return usable.length > brokerCount ? `${usable.length} have` : 'no agent to spare, which is enough';
  });
  await report.step('where they say brokers are reached resolves from here', () => resolveAll(usable));
  await report.step('their own API answers, where logs are read from', () => reachAll(usable));
  await report.step('this machine has an address that agents can fetch from', async () => {
    artifacts = await chooseAddress(settings, operator);
    const { listen, host } = artifacts;
    return `${host}, listening on ${formatHostPort(listen)}${settings.advertise === undefined ? '; set KAFKA_MESOS_ADVERTISE if agents do not reach it' : ''}`;
  });
  return report.failed() > 0 || artifacts === undefined ? undefined : { version, agents: usable, artifacts };
}

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}

/** Why the flow cannot run on them; undefined when it can. */
export function judgeAgents(all: readonly Agent[], role: string): string | undefined {
  const short = all.map((agent) => ({ agent, short: shortOf(agent, role) }));
  const usable = short.filter((one) => one.short.length === 0).map(({ agent }) => agent);
  const names = new Set(usable.map((agent) => agent.agent_info.hostname));
  if (usable.length >= brokerCount && names.size < brokerCount) {
    return `the agents have only ${names.size} different hostnames (${[...names].join(', ')}), and one broker goes on each\n→ start them with --hostname`;
  }
  if (usable.length >= brokerCount) return sharedPorts(usable);
  const needs = Object.entries(brokerNeeds).map(([name, amount]) => `${name} ${amount}`);
  return [
    `${usable.length} of ${all.length} agents have room; ${brokerCount} are needed, each with ${needs.join(', ')} that are unreserved or reserved for role ${role} and not in use`,
    ...short
      .filter((one) => one.short.length > 0)
      .map(({ agent, short: why }) => `  ${agent.agent_info.hostname}: ${why.join(', ')}`),
    '→ start more agents, free what others use, or start agents with more, such as --resources="ports:[31000-32000]"',
  ].join('\n');
}

/** Equal ranges are right where each agent has an address of its own, and two brokers at one port where not. */
function sharedPorts(agents: readonly Agent[]): string | undefined {
  const clashes = agents.flatMap((one, index) =>
    agents
      .slice(index + 1)
      .filter(
        (other) =>
          serviceHostOf(one) === serviceHostOf(other) &&
          portsOf(one).some((a) => portsOf(other).some((b) => a.begin <= b.end && b.begin <= a.end)),
      )
      .map((other) => `${one.agent_info.hostname} and ${other.agent_info.hostname}`),
  );
  return clashes.length === 0
    ? undefined
    : `these agents offer the same ports at the same address: ${clashes.join(', ')}\n→ give each an address of its own (--hostname, or the attribute advertised_host), or other ports`;
}

function portsOf(agent: Agent): readonly { readonly begin: number; readonly end: number }[] {
  return (agent.total_resources ?? []).flatMap((one) =>
    one.name === 'ports' ? (one.ranges?.range ?? []) : [],
  );
}

/** What the agent lacks for one broker, in words; nothing when it will do. */
function shortOf(agent: Agent, role: string): readonly string[] {
  if (agent.deactivated === true || agent.active !== true) {
    return [agent.deactivated === true ? 'deactivated or draining' : 'not connected to the master'];
  }
  const free = freeOf(agent, role);
  return Object.entries(brokerNeeds).flatMap(([name, amount]) => {
    const have = free[name as keyof typeof free];
    return have >= amount ? [] : [`${name} ${have} of ${amount}`];
  });
}

function freeOf(agent: Agent, role: string): Record<keyof typeof brokerNeeds, number> {
  const mayTake = ({ reservations = [], role: own = '*', disk }: Resource): boolean => {
    if (disk?.persistence !== undefined) return false;
    // Masters before reservation refinement leave `reservations` out and say static ones by the role.
    if (reservations.length === 0) return own === '*' || own === role;
    return reservations.every((one) => one.type === 'STATIC' && one.role === role);
  };
  const sum = (list: readonly Resource[] = [], name: string): number =>
    list.filter((one) => one.name === name && mayTake(one)).reduce((total, one) => total + amountOf(one), 0);
  const left = (name: string): number =>
    Math.round((sum(agent.total_resources, name) - sum(agent.allocated_resources, name)) * 1_000) / 1_000;
  return { cpus: left('cpus'), mem: left('mem'), disk: left('disk'), ports: left('ports') };
}

function amountOf({ scalar, ranges }: Resource): number {
  return scalar?.value ?? (ranges?.range ?? []).reduce((count, { begin, end }) => count + end - begin + 1, 0);
}

function describe(agent: Agent, role: string): string {
  const { hostname, attributes = [] } = agent.agent_info;
  const free = freeOf(agent, role);
  const ports = portsOf(agent);
  const said = attributes.map(({ name, text }) => `${name}:${text?.value ?? '…'}`);
  return [
    `    ${hostname} (${agentId(agent)}) at ${agentUrl(agent)}, Mesos ${agent.version ?? '?'}`,
    `      free: cpus ${free.cpus}, mem ${free.mem}, disk ${free.disk}, ports ${free.ports} (${ports.map(({ begin, end }) => `${begin}-${end}`).join(', ') || 'none'})`,
    `      attributes: ${said.join('; ') || 'none'}; brokers are reached at ${serviceHostOf(agent)}`,
    ...shortOf(agent, role).map((why) => `      cannot be used: ${why}`),
  ].join('\n');
}

async function resolveAll(agents: readonly Agent[]): Promise<string> {
  const found = await Promise.all(
    agents.map(async (agent) => {
      const host = serviceHostOf(agent);
      const address = await lookup(host).then(
        (one) => one.address,
        () => undefined,
      );
      return { host, address };
    }),
  );
  const lost = found.filter(({ address }) => address === undefined).map(({ host }) => host);
  expect(
    lost.length === 0,
    `these names do not resolve here: ${lost.join(', ')}\n→ add them to /etc/hosts here and on the agents, or start each agent with --attributes="advertised_host:ADDRESS"`,
  );
  return found.map(({ host, address }) => (host === address ? host : `${host} = ${address}`)).join(', ');
}

async function reachAll(agents: readonly Agent[]): Promise<string> {
  const failures = await Promise.all(
    agents.map(async (agent) => {
      const url = `${agentUrl(agent)}/version`;
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
        await answer.arrayBuffer();
        return [];
      } catch (error) {
        return [`${agent.agent_info.hostname}: ${url}: ${String((error as Error).cause ?? error)}`];
      }
    }),
  );
  expect(
    failures.flat().length === 0,
    `${failures.flat().join('\n')}\n→ let this machine reach the agents' own port (5051)`,
  );
  return `${agents.length} answer`;
}

/** The operator's word, else the address from which the master is spoken to. */
async function chooseAddress(settings: Settings, operator: Operator): Promise<Ground['artifacts']> {
  const given = settings.advertise;
  if (given === undefined) {
    const host = await localAddressTo(await operator.leader());
    return { listen: { host, port: 0 }, host };
  }
  const { address } = await lookup(given.host).catch((error: Error) => {
    throw new Failure(`KAFKA_MESOS_ADVERTISE: ${error.message}`);
  });
  if (isOfThisMachine(address)) return { listen: { host: address, port: given.port }, host: given.host };
  expect(
    given.port !== 0,
    `KAFKA_MESOS_ADVERTISE: ${given.host} is no address of this machine: say by HOST:PORT which port leads here`,
  );
  return { listen: { host: '0.0.0.0', port: given.port }, host: given.host };
}

function localAddressTo({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: 10_000 });
    socket.on('error', (error) => reject(new Failure(`${host}:${port} cannot be reached: ${error.message}`)));
    socket.on('timeout', () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => {
      resolve((socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, ''));
      socket.destroy();
    });
  });
}

export function isOfThisMachine(address: string): boolean {
  if (/^127\./.test(address) || address === '::1') return true;
  return Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === address);
}

/** Whether processes of this agent are processes of this machine. */
export async function isOnThisMachine(agent: Agent): Promise<boolean> {
  const found = await lookup(addressOf(agent)).catch(() => undefined);
  return found !== undefined && isOfThisMachine(found.address);
}

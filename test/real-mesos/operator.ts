/**
 * The master's operator API as this test needs it, apart from the product's own client: what neither reads nor
 * does the same way cannot hide the same mistake. JSON; shapes as in recordings 16 and 24.
 */
import { detectLeader, type LeaderDetector } from '../../src/mesos/leader.ts';
import { formatHostPort, type HostPort } from '../../src/mesos/master-address.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { post } from './http-post.ts';
import { Failure } from './report.ts';
import type { Settings } from './settings.ts';

export type Resource = {
  readonly name: string;
  readonly scalar?: { readonly value: number };
  readonly ranges?: { readonly range: readonly { readonly begin: number; readonly end: number }[] };
  readonly role?: string;
  readonly reservations?: readonly {
    readonly role?: string;
    readonly type?: string;
    readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] };
  }[];
  readonly disk?: { readonly persistence?: { readonly id: string } };
};

export type Agent = {
  readonly agent_info: {
    readonly id: { readonly value: string };
    readonly hostname: string;
    readonly port?: number;
    readonly attributes?: readonly { readonly name: string; readonly text?: { readonly value: string } }[];
  };
  readonly active?: boolean;
  readonly deactivated?: boolean;
  readonly version?: string;
  /** `slave(1)@10.0.0.7:5051` */
  readonly pid?: string;
  readonly total_resources?: readonly Resource[];
  readonly allocated_resources?: readonly Resource[];
  readonly capabilities?: readonly { readonly type: string }[];
  readonly drain_info?: { readonly state?: string };
};

export type Task = {
  readonly task_id: { readonly value: string };
  readonly framework_id: { readonly value: string };
  readonly agent_id: { readonly value: string };
  readonly state: string;
};

export type Framework = {
  readonly framework_info: { readonly id?: { readonly value: string }; readonly name: string };
  readonly connected?: boolean;
};

export type Operator = {
  readonly detector: LeaderDetector;
  /** The master that leads just now. */
  leader(): Promise<HostPort>;
  version(): Promise<string>;
  /** Who leads, and since when: another text after each failover. */
  election(): Promise<string>;
  agents(): Promise<readonly Agent[]>;
  /** Those the master holds, unreachable ones included. */
  tasks(): Promise<readonly Task[]>;
  /** Those that are not over. */
  frameworks(): Promise<readonly Framework[]>;
  /** A call that changes something. Rejects with Failure unless it is answered with 200 or 202. */
  act(call: { readonly type: string; readonly [field: string]: unknown }): Promise<void>;
  close(): void;
};

export function createOperator(settings: Settings): Operator {
  const detector = detectLeader(settings.master, { logger: silentLogger });

  async function ask(call: object): Promise<{ status: number; text: string; master: HostPort }> {
    let master = await detector.current();
    for (let hop = 0; hop < 5; hop += 1) {
      const answer = await post({
        master,
        path: '/api/v1',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
        body: Buffer.from(JSON.stringify(call)),
        credentials: settings.credentials,
      });
      if (answer.status !== 307 || answer.location === undefined) return { ...answer, master };
      master = answer.location;
    }
    throw new Failure('the masters point to one another in a circle');
  }

  async function get<Body>(type: string): Promise<Body> {
    const { status, text, master } = await ask({ type });
    if (status !== 200) throw refused(type, master, status, text);
    return (JSON.parse(text) as Record<string, Body>)[type.toLowerCase()] as Body;
  }

  return {
    detector,
    leader: async () => (await ask({ type: 'GET_VERSION' })).master,
    version: async () =>
      (await get<{ version_info: { version: string } }>('GET_VERSION')).version_info.version,
    async election() {
      type Answer = {
        readonly master_info: { readonly id: string; readonly pid?: string };
        readonly elected_time?: number;
      };
      const { master_info: info, elected_time: seconds } = await get<Answer>('GET_MASTER');
      return `${info.pid ?? 'master'} (${info.id}), elected ${seconds === undefined ? '?' : new Date(seconds * 1_000).toISOString()}`;
    },
    agents: async () => (await get<{ agents?: readonly Agent[] }>('GET_AGENTS')).agents ?? [],
    async tasks() {
      type Answer = { readonly [kind in 'pending_tasks' | 'tasks' | 'unreachable_tasks']?: readonly Task[] };
      const all = await get<Answer>('GET_TASKS');
      return [...(all.pending_tasks ?? []), ...(all.tasks ?? []), ...(all.unreachable_tasks ?? [])];
    },
    frameworks: async () =>
      (await get<{ frameworks?: readonly Framework[] }>('GET_FRAMEWORKS')).frameworks ?? [],
    async act(call) {
      const { status, text, master } = await ask(call);
      if (status !== 200 && status !== 202) throw refused(call.type, master, status, text);
    },
    close: () => detector.close(),
  };
}

function refused(type: string, master: HostPort, status: number, text: string): Failure {
  const help =
    status === 401 || status === 403
      ? "\n→ set MESOS_PRINCIPAL and MESOS_SECRET_FILE, and let the master's ACLs allow it"
      : '';
  return new Failure(
    `master ${formatHostPort(master)} answered ${type} with ${status}: ${text.slice(0, 500)}${help}`,
  );
}

export function agentId(agent: Agent): string {
  return agent.agent_info.id.value;
}

/** Where the agent itself listens, from its pid: its hostname may be any name. */
export function addressOf(agent: Agent): string {
  return /@(.+):\d+$/.exec(agent.pid ?? '')?.[1] ?? agent.agent_info.hostname;
}

export function agentUrl(agent: Agent): string {
  const port = /:(\d+)$/.exec(agent.pid ?? '')?.[1] ?? String(agent.agent_info.port ?? 5051);
  return `http://${addressOf(agent)}:${port}`;
}

/** Where what runs on the agent is reached, as the scheduler decides it. */
export function serviceHostOf(agent: Agent): string {
  const advertised = agent.agent_info.attributes?.find(({ name }) => name === 'advertised_host');
  return advertised?.text?.value ?? agent.agent_info.hostname;
}

/** The value of a label of the innermost reservation. */
export function labelOf(resource: Resource, key: string): string | undefined {
  return resource.reservations?.at(-1)?.labels?.labels?.find((label) => label.key === key)?.value;
}

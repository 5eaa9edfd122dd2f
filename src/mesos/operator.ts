/**
 * Reading a master's operator API (`POST /api/v1`, JSON; recording 24 shows the shapes).
 *
 * Used by commands that take stock once. The loop never asks it: it lives on events.
 */
import http from 'node:http';
import { ProtocolError, UnavailableError } from '../model/errors.ts';
import type { AgentEntry, FrameworkEntry, MesosInventory, TaskEntry } from '../model/mesos-inventory.ts';
import { fromLabels, toAttributes, toResource } from './from-wire.ts';
import type { LeaderDetector } from './leader.ts';
import { formatHostPort, type HostPort, parseRedirect } from './master-address.ts';
import { basic, type Credentials } from './scheduler-http.ts';
import type * as wire from './types.ts';

export type OperatorClient = {
  /**
   * Rejects with `UnavailableError` (no leading master answers), or `ProtocolError` (credentials, an answer
   * that is none).
   */
  inventory(): Promise<MesosInventory>;
};

const timeoutMs = 15_000;
/** The state of tens of thousands of tasks is tens of MiB. */
const maxAnswerBytes = 512 * 1024 * 1024;
const maxRedirects = 3;

export function createOperatorClient(deps: {
  readonly detector: LeaderDetector;
  readonly credentials?: Credentials;
}): OperatorClient {
  const ask = async <T>(type: string): Promise<T> => {
    let master = await deps.detector.current();
    for (let hop = 0; hop <= maxRedirects; hop += 1) {
      const answer = await post(master, { type }, deps.credentials);
      if (answer.status === 307 && answer.location !== undefined) {
        master = answer.location;
        continue;
      }
      return readAnswer<T>(master, type, answer);
    }
    throw new UnavailableError('KM_UNAVAILABLE_MASTER', `masters point to one another in a circle`);
  };
  return {
    async inventory() {
      // Agents last: a task that starts meanwhile may be missed, one that is listed has its agent.
      const frameworks = await ask<FrameworksAnswer>('GET_FRAMEWORKS');
      const tasks = await ask<TasksAnswer>('GET_TASKS');
      const agents = await ask<AgentsAnswer>('GET_AGENTS');
      return {
        frameworks: [
          ...(frameworks.get_frameworks.frameworks ?? []).map((f) => toFramework(f, false)),
          ...(frameworks.get_frameworks.completed_frameworks ?? []).map((f) => toFramework(f, true)),
        ],
        tasks: [
          ...(tasks.get_tasks.pending_tasks ?? []),
          ...(tasks.get_tasks.tasks ?? []),
          ...(tasks.get_tasks.unreachable_tasks ?? []),
        ].map(toTask),
        agents: (agents.get_agents.agents ?? []).map(toAgent),
        recoveredAgents: (agents.get_agents.recovered_agents ?? []).map((a) => ({
          agentId: a.id?.value ?? '',
          hostname: a.hostname,
        })),
      };
    },
  };
}

type FrameworksAnswer = {
  readonly get_frameworks: {
    readonly frameworks?: readonly FrameworkView[];
    readonly completed_frameworks?: readonly FrameworkView[];
  };
};
type FrameworkView = { readonly framework_info: wire.FrameworkInfo; readonly connected?: boolean };
type TasksAnswer = {
  readonly get_tasks: {
    readonly pending_tasks?: readonly TaskView[];
    readonly tasks?: readonly TaskView[];
    readonly unreachable_tasks?: readonly TaskView[];
  };
};
type TaskView = {
  readonly task_id: { readonly value: string };
  readonly framework_id: { readonly value: string };
  readonly agent_id: { readonly value: string };
  readonly state: wire.TaskState;
  readonly labels?: wire.Labels;
  readonly resources?: readonly wire.Resource[];
};
type AgentsAnswer = {
  readonly get_agents: {
    readonly agents?: readonly AgentView[];
    readonly recovered_agents?: readonly AgentInfo[];
  };
};
type AgentInfo = {
  readonly id?: { readonly value: string };
  readonly hostname: string;
  readonly attributes?: readonly wire.Attribute[];
};
type AgentView = {
  readonly agent_info: AgentInfo;
  readonly active?: boolean;
  readonly total_resources?: readonly wire.Resource[];
};

function toFramework({ framework_info: info, connected }: FrameworkView, completed: boolean): FrameworkEntry {
  return {
    id: info.id?.value ?? '',
    name: info.name,
    roles: info.roles ?? [],
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    connected: connected === true,
    completed,
  };
}

function toTask(view: TaskView): TaskEntry {
  return {
    taskId: view.task_id.value,
    frameworkId: view.framework_id.value,
    agentId: view.agent_id.value,
    state: view.state,
    labels: fromLabels(view.labels),
    resources: (view.resources ?? []).flatMap(toResource),
  };
}

function toAgent({ agent_info: info, active, total_resources: resources }: AgentView): AgentEntry {
  return {
    agentId: info.id?.value ?? '',
    hostname: info.hostname,
    active: active === true,
    attributes: toAttributes(info.attributes),
    resources: (resources ?? []).flatMap(toResource),
  };
}

type Answer = { readonly status: number; readonly text: string; readonly location?: HostPort };

function readAnswer<T>(master: HostPort, type: string, { status, text }: Answer): T {
  const said = `master ${formatHostPort(master)} answered ${type} with ${status}${status === 200 ? '' : `: ${text.slice(0, 500)}`}`;
  if (status === 401 || status === 403) {
    throw new ProtocolError('KM_PROTOCOL_MESOS_CREDENTIALS', said, {
      remedy: 'check the principal and its secret, and what the master’s ACLs let it see',
    });
  }
  if (status >= 500) {
    throw new UnavailableError('KM_UNAVAILABLE_MASTER', said);
  }
  try {
    const answer: unknown = JSON.parse(text);
    if (status === 200 && typeof answer === 'object' && answer !== null && type.toLowerCase() in answer) {
      return answer as T;
    }
  } catch (error) {
    throw new ProtocolError('KM_PROTOCOL_MESOS_ANSWER', `${said}, which is not JSON`, { cause: error });
  }
  throw new ProtocolError('KM_PROTOCOL_MESOS_ANSWER', `${said}, which is not what was asked for`);
}

function post(master: HostPort, call: object, credentials: Credentials | undefined): Promise<Answer> {
  const body = JSON.stringify(call);
  const where = formatHostPort(master);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new UnavailableError('KM_UNAVAILABLE_MASTER', `master ${where}: ${error.message}`, { cause: error }),
      );
    const request = http.request(
      {
        host: master.host,
        port: master.port,
        method: 'POST',
        path: '/api/v1',
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': Buffer.byteLength(body),
          ...(credentials === undefined ? {} : { authorization: basic(credentials) }),
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > maxAnswerBytes)
            response.destroy(new Error(`its answer is over ${maxAnswerBytes} bytes`));
          else parts.push(part);
        });
        response.on('error', fail);
        response.on('end', () => {
          const location = parseRedirect(response.headers.location);
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(parts).toString('utf8'),
            ...(location === undefined ? {} : { location }),
          });
        });
      },
    );
    request.on('error', fail);
    request.end(body);
  });
}

/** What the operator says by environment variables; CONTRIBUTING.md has the same table. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Credentials } from '../../src/mesos/scheduler-http.ts';
import { SpecError } from '../../src/model/errors.ts';

export const variables = {
  MESOS_MASTER: 'the master: host:port, several with commas, or zk://host:port,…/path',
  MESOS_PRINCIPAL: 'who we are to Mesos (default kafka-mesos)',
  MESOS_SECRET_FILE: "file with the principal's secret, where Mesos wants authentication",
  MESOS_ROLE: 'role that resources are reserved for (default kafka)',
  MESOS_USER: 'Unix user of the brokers; agents must have it (default: yours)',
  KAFKA_MESOS_ADVERTISE:
    'HOST[:PORT] of this machine that agents can fetch from (default: the address that faces the master)',
  MESOS_KILL: 'shell command that kills process {pid} on {agent}; only needed for agents on other machines',
  MESOS_AGENT_STOP: 'shell command that stops the Mesos agent on {agent}',
  MESOS_AGENT_START: 'shell command that starts the Mesos agent on {agent} again',
  MESOS_MASTER_FAILOVER: 'shell command that makes the leading master fail over or restart',
  MESOS_WAIT_SECONDS: 'how long anything may take before it counts as failed (default 300)',
} as const;

export type Variable = keyof typeof variables;
export type HookName = 'MESOS_KILL' | 'MESOS_AGENT_STOP' | 'MESOS_AGENT_START' | 'MESOS_MASTER_FAILOVER';

export type Settings = {
  readonly master: string;
  readonly principal: string;
  readonly secretPath?: string;
  /** Present exactly when there is a secret: without one a master without authentication is spoken to. */
  readonly credentials?: Credentials;
  readonly role: string;
  readonly user: string;
  readonly advertise?: { readonly host: string; readonly port: number };
  readonly hooks: Readonly<Partial<Record<HookName, string>>>;
  readonly waitMs: number;
};

/** Undefined without a master. Throws SpecError `KM_SPEC_ENVIRONMENT` for a value that cannot be used. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings | undefined {
  const get = (name: Variable): string | undefined => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
  const master = get('MESOS_MASTER');
  if (master === undefined) return undefined;
  const principal = get('MESOS_PRINCIPAL') ?? 'kafka-mesos';
  const secretPath = get('MESOS_SECRET_FILE');
  const advertise = get('KAFKA_MESOS_ADVERTISE');
  const seconds = get('MESOS_WAIT_SECONDS') ?? '300';
  if (!/^[1-9]\d{0,4}$/.test(seconds))
    throw wrong('MESOS_WAIT_SECONDS', `${seconds} is no number of seconds`);
  const hooks = Object.fromEntries(
    (['MESOS_KILL', 'MESOS_AGENT_STOP', 'MESOS_AGENT_START', 'MESOS_MASTER_FAILOVER'] as const).flatMap(
      (name) => {
        const command = get(name);
        return command === undefined ? [] : [[name, command]];
      },
    ),
  );
  return {
    master,
    principal,
    ...(secretPath === undefined
      ? {}
      : { secretPath, credentials: { principal, secret: readSecret(secretPath) } }),
    role: get('MESOS_ROLE') ?? 'kafka',
    user: get('MESOS_USER') ?? userInfo().username,
    ...(advertise === undefined ? {} : { advertise: parseAdvertise(advertise) }),
    hooks,
    waitMs: Number(seconds) * 1_000,
  };
}

/** What is said when there is no master to test against. */
export function skipText(): string {
  const width = Math.max(...Object.keys(variables).map((name) => name.length));
  return [
    'for MESOS_MASTER is not set; run it as MESOS_MASTER=10.0.0.1:5050 npm run test:mesos [-- preflight | conformance | flow]',
    ...Object.entries(variables).map(([name, what]) => `  ${name.padEnd(width)}  ${what}`),
  ].join('\n');
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw wrong('MESOS_SECRET_FILE', (error as Error).message);
  }
}

function parseAdvertise(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 0);
  if (host === undefined || port > 65_535) throw wrong('KAFKA_MESOS_ADVERTISE', `${text} is no HOST[:PORT]`);
  return { host, port };
}

function wrong(name: Variable, why: string): SpecError {
  return new SpecError('KM_SPEC_ENVIRONMENT', `${name}: ${why}`, { remedy: `${name} is ${variables[name]}` });
}
